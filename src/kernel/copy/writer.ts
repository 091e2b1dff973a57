// Appends to the target in the source's order, several appends on their way at a time. Their places are
// compared when they are answered: a verdict depends on the order of the log, so a copy in another order
// would be another history.
import type { EventToAppend } from '../../domain/core/recorded-event.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { comparePositions, START_POSITION, type Position } from '../../domain/core/positions.ts';
import type { AppendResult, EventStore, ExpectedRevision } from '../../domain/ports/event-store.ts';

/** Appends on their way; a store takes those of one connection in order. */
const IN_FLIGHT = 64;

/** Events that follow each other in one stream share an append up to this much. */
const APPEND_EVENTS = 200;
const APPEND_CHARACTERS = 128 * 1024;

/** How long a target may give no answer before the copy ends, to be gone on with later. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;
const ATTEMPT_MS = 10_000;

type Append = {
  readonly stream: string;
  readonly first: bigint;
  readonly events: EventToAppend[];
  characters: number;
};

/** What a writer takes from its surroundings. */
export type WriterContext = {
  readonly target: Pick<EventStore, 'append'>;
  readonly elapsed: () => number;
  /** Waits; rejects when the copy is to end. */
  readonly pause: (ms: number) => Promise<void>;
};

export type CopyWriter = {
  /** Adds the next event of the log. */
  readonly add: (stream: string, revision: bigint, event: EventToAppend) => Promise<void>;
  /** Resolves when everything added is in the target. */
  readonly flush: () => Promise<void>;
};

/**
 * @param start the place of the target's last event
 * @param written told how many events an answer was for
 */
export function copyWriter(
  context: WriterContext,
  start: Position | undefined,
  written: (events: number) => void,
): CopyWriter {
  let last = start ?? START_POSITION;
  let open: Append | undefined;
  let flying: { readonly append: Append; readonly answer: Promise<AppendResult> }[] = [];
  /** One on its way did not arrive: what is sent after it would come before it. */
  let broken = false;

  const take = (append: Append, result: Extract<AppendResult, { outcome: 'appended' }>): void => {
    if (comparePositions(result.position, last) <= 0) throw outOfOrder(append);
    last = result.position;
    written(append.events.length);
  };

  /** Once one answer stays away, the rest is repeated one by one: what is there already says where. */
  const settle = async (): Promise<void> => {
    const batch = flying;
    flying = [];
    const results = await Promise.all(batch.map(({ answer }) => answer));
    broken = false;
    for (const [i, { append }] of batch.entries()) {
      const result = results[i];
      if (!broken && result?.outcome === 'appended') {
        take(append, result);
        continue;
      }
      broken = true;
      take(append, await untilAppended(context, append));
    }
    broken = false;
  };

  const send = async (): Promise<void> => {
    if (open === undefined) return;
    const append = open;
    open = undefined;
    if (broken) await settle();
    const answer = attempt(context, append).then((result) => {
      broken ||= result.outcome !== 'appended';
      return result;
    });
    flying.push({ append, answer });
    if (flying.length >= IN_FLIGHT) await settle();
  };

  return {
    async add(stream, revision, event) {
      const characters = JSON.stringify(event).length;
      const fits =
        open?.stream === stream &&
        open.events.length < APPEND_EVENTS &&
        open.characters + characters <= APPEND_CHARACTERS;
      if (!fits) await send();
      open ??= { stream, first: revision, events: [], characters: 0 };
      open.events.push(event);
      open.characters += characters;
    },
    async flush() {
      await send();
      await settle();
    },
  };
}

function attempt(
  { target }: WriterContext,
  { stream, first, events }: Append,
): Promise<AppendResult> {
  const expected: ExpectedRevision = first === 0n ? 'no_stream' : first - 1n;
  return target.append(stream, expected, events, { deadlineMs: ATTEMPT_MS });
}

async function untilAppended(
  context: WriterContext,
  append: Append,
): Promise<Extract<AppendResult, { outcome: 'appended' }>> {
  const begun = context.elapsed();
  for (;;) {
    const result = await attempt(context, append);
    const place = `event ${append.first} of ${append.stream}`;
    switch (result.outcome) {
      case 'appended':
        return result;
      case 'conflict':
        throw new TocsinError('refused', 'target_differs', `others write ${append.stream} too`, {
          hint: 'A copy needs a target of its own: stop what writes there, and begin with an empty one.',
        });
      case 'refused':
        throw new TocsinError('refused', 'target_refuses', `${place}: ${result.message}`, {
          hint: 'The target takes less than the source did; raise its limits and run the copy again.',
        });
      case 'unknown':
        if (context.elapsed() - begun > PATIENCE_MS) {
          throw new TocsinError(
            'unavailable',
            'target_unavailable',
            `${place}: ${result.message}`,
            {
              hint: 'Run the same command again when the target is back: it goes on where it was.',
              cause: result.cause,
            },
          );
        }
        await context.pause(PAUSE_MS);
    }
  }
}

function outOfOrder({ stream, first }: Append): TocsinError {
  return new TocsinError(
    'refused',
    'target_out_of_order',
    `event ${first} of ${stream} is in the target before what precedes it in the source`,
    {
      hint: 'The target lost an append that came later again. Begin with an empty target.',
    },
  );
}
