// Appends to the target in the source's order, with several appends in flight. The positions in the answers must
// ascend: verdicts depend on the order of the log, so a copy in another order would give other verdicts.
import type { EventToAppend } from '../../domain/core/recorded-event.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { comparePositions, START_POSITION, type Position } from '../../domain/core/positions.ts';
import type { AppendResult, EventStore, ExpectedRevision } from '../../domain/ports/event-store.ts';

/** Appends in flight; a store executes the appends of one connection in order. */
const IN_FLIGHT = 64;

/** The largest append: consecutive events of one stream share an append. */
const APPEND_EVENTS = 200;
const APPEND_CHARACTERS = 128 * 1024;

/** The copy ends when the target gives no answer for so long; a repeat continues. */
const MAX_OUTAGE_MS = 60_000;
const PAUSE_MS = 500;
const ATTEMPT_MS = 10_000;

type Append = {
  readonly stream: string;
  readonly first: bigint;
  readonly events: EventToAppend[];
  characters: number;
};

export type CopyWriterContext = {
  readonly target: Pick<EventStore, 'append'>;
  readonly elapsed: () => number;
  /** Waits; rejects when the copy is cancelled. */
  readonly pause: (ms: number) => Promise<void>;
};

/** @param start the position of the target's last event */
export function copyWriter(
  context: CopyWriterContext,
  start: Position | undefined,
  onWritten: (events: number) => void,
) {
  let last = start ?? START_POSITION;
  let open: Append | undefined;
  let inFlight: { readonly append: Append; readonly answer: Promise<AppendResult> }[] = [];
  /** True after an append failed: a later append could get in before its repeat. */
  let broken = false;

  const accept = (append: Append, result: Extract<AppendResult, { outcome: 'appended' }>): void => {
    if (comparePositions(result.position, last) <= 0) throw outOfOrder(append);
    last = result.position;
    onWritten(append.events.length);
  };

  /** After the first failure, appends are repeated one by one; a stored append is answered with its position. */
  const awaitAnswers = async (): Promise<void> => {
    const batch = inFlight;
    inFlight = [];
    const results = await Promise.all(batch.map(({ answer }) => answer));
    broken = false;
    for (const [i, { append }] of batch.entries()) {
      const result = results[i];
      if (!broken && result?.outcome === 'appended') {
        accept(append, result);
        continue;
      }
      broken = true;
      accept(append, await untilAppended(context, append));
    }
    broken = false;
  };

  const send = async (): Promise<void> => {
    if (open === undefined) return;
    const append = open;
    open = undefined;
    if (broken) await awaitAnswers();
    const answer = attempt(context, append).then((result) => {
      broken ||= result.outcome !== 'appended';
      return result;
    });
    inFlight.push({ append, answer });
    if (inFlight.length >= IN_FLIGHT) await awaitAnswers();
  };

  return {
    async add(stream: string, revision: bigint, event: EventToAppend): Promise<void> {
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
    /** Resolves when every added event is in the target. */
    async flush(): Promise<void> {
      await send();
      await awaitAnswers();
    },
  };
}

function attempt(
  { target }: CopyWriterContext,
  { stream, first, events }: Append,
): Promise<AppendResult> {
  const expected: ExpectedRevision = first === 0n ? 'no_stream' : first - 1n;
  return target.append(stream, expected, events, { deadlineMs: ATTEMPT_MS });
}

async function untilAppended(
  context: CopyWriterContext,
  append: Append,
): Promise<Extract<AppendResult, { outcome: 'appended' }>> {
  const startedAt = context.elapsed();
  for (;;) {
    const result = await attempt(context, append);
    const name = `event ${append.first} of ${append.stream}`;
    switch (result.outcome) {
      case 'appended':
        return result;
      case 'conflict':
        throw refused('target_differs', `another writer appends to ${append.stream}`, {
          hint: 'Stop the other writers, and copy into an empty store.',
        });
      case 'refused':
        throw refused('target_refuses', `${name}: ${result.message}`, {
          hint: 'Raise the limits of the target and run the copy again.',
        });
      case 'unknown':
        if (context.elapsed() - startedAt > MAX_OUTAGE_MS) {
          throw new TocsinError('unavailable', 'target_unavailable', `${name}: ${result.message}`, {
            hint: 'Run the same command again when the target is back; it continues.',
            cause: result.cause,
          });
        }
        await context.pause(PAUSE_MS);
    }
  }
}

function outOfOrder({ stream, first }: Append): TocsinError {
  const where = `event ${first} of ${stream} is in the target before an event`;
  return refused('target_out_of_order', `${where} that precedes it in the source`, {
    hint: 'The target stored a repeated append too late. Copy into an empty store.',
  });
}

function refused(code: string, message: string, options: { readonly hint: string }): TocsinError {
  return new TocsinError('refused', code, message, options);
}
