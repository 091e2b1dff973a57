// Reads what passes between a client of NATS and its server, as far as it takes to know which publishes
// have no answer yet. It shares nothing with the product.
import type { Direction, Observer } from './proxy.ts';

export type Traffic = {
  readonly observe: () => Observer;
  /** Messages that were sent over a connection that lives, and have no answer. */
  readonly unanswered: () => number;
  /** Since the beginning, over all connections. */
  readonly totals: () => { readonly published: number; readonly answered: number };
};

/** Counts publishes and answers over all connections of a proxy. */
export function natsTraffic(): Traffic {
  const totals = { published: 0, answered: 0 };
  const open = new Set<{ published: number; answered: number }>();
  return {
    observe() {
      const own = { published: 0, answered: 0 };
      open.add(own);
      const readers: Record<Direction, (chunk: Buffer) => void> = {
        up: frameReader((verb, subject) => {
          if (!verb.endsWith('PUB') || subject.startsWith('$JS')) return;
          own.published += 1;
          totals.published += 1;
        }),
        down: frameReader((verb, _subject, payload) => {
          if (!verb.endsWith('MSG') || !isAnswer(payload)) return;
          own.answered += 1;
          totals.answered += 1;
        }),
      };
      return {
        passed: (direction, chunk) => {
          readers[direction](chunk);
        },
        closed: () => {
          open.delete(own);
        },
      };
    },
    unanswered: () =>
      [...open].reduce((sum, { published, answered }) => sum + published - answered, 0),
    totals: () => ({ ...totals }),
  };
}

/** An ack of a publish, or its refusal; answers of the API have a type. */
function isAnswer(payload: Buffer): boolean {
  const text = payload.toString('latin1');
  return !text.includes('"type"') && /"(?:stream|error)"/.test(text);
}

type Frame = (verb: string, subject: string, payload: Buffer) => void;

/** Cuts a stream of bytes into the protocol's frames. */
function frameReader(frame: Frame): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let at = 0; ;) {
      const end = rest.indexOf('\r\n', at);
      if (end === -1) {
        rest = rest.subarray(at);
        return;
      }
      const [verb = '', ...parts] = rest.toString('latin1', at, end).split(' ');
      const hasPayload = /^H?(?:PUB|MSG)$/.test(verb);
      const size = hasPayload ? Number(parts.at(-1)) + 2 : 0;
      const next = end + 2 + size;
      if (rest.length < next) {
        rest = rest.subarray(at);
        return;
      }
      frame(verb, parts[0] ?? '', rest.subarray(end + 2, next));
      at = next;
    }
  };
}
