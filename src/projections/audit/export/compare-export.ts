// `audit compare`: compares an export with today's log. The export may be whole, a part or without personal data: the
// leaves of its events are the same. The log may have gone on.
import { TocsinError } from '../../../domain/core/errors.ts';
import { isJsonObject, tryParseJson } from '../../../domain/core/json.ts';
import { formatPosition, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { leafEvent, leafText } from '../../notary/leaf.ts';
import type { ReadableLog } from '../reading/ports.ts';
import { headOf, kernelEvents, parseBound, storeIdOf } from '../reading/reading.ts';
import { selection } from './export.ts';
import { EXPORT_FORMAT, type EventLine, type HeaderLine } from './format.ts';
import { ExportCheck, type ExportReport } from './verify-export.ts';

/** The kinds of differences between an export and the log. Programs read the names, so they do not change. */
export const COMPARED = {
  store_differs: 'The export is of another log.',
  event_changed: 'The log has the event, and not as it was exported.',
  event_missing: 'The event was exported, and the log does not have it any more.',
  event_added:
    'The log has an event among the exported ones that was not there when they were exported.',
  event_moved: 'The log has the event at another place among the exported ones.',
} as const;

export type ComparisonCode = keyof typeof COMPARED;

/** One difference between an export and the log. */
export type ComparisonDifference = {
  readonly code: ComparisonCode;
  readonly where: string;
  readonly detail: string;
  readonly meaning: string;
};

/** The result of a comparison. The log is as it was exported when `differenceCount` and the export's faults are 0. */
export type Comparison = {
  /** Events of the export that the log has, changed or not. */
  readonly compared: number;
  /** Events of the log after the last exported one; they are no difference. */
  readonly later: number;
  /** The first thousand; `counts` counts all. */
  readonly differences: readonly ComparisonDifference[];
  readonly differenceCount: number;
  readonly counts: Readonly<Partial<Record<ComparisonCode, number>>>;
  /** The check of the export itself. */
  readonly export: ExportReport;
};

export type CompareOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  readonly lines: AsyncIterable<string>;
  /** Called with the number of compared events, once per page of the log. */
  readonly progress?: (events: number, at: Position) => void;
};

const LISTED = 1_000;
/** Events of one side that wait for the other; the oldest beyond that has no counterpart. */
const MAX_WAITING = 10_000;

/** @throws TocsinError `usage` (`export_format`) for an export of another version */
export async function compareExport(options: CompareOptions): Promise<Comparison> {
  const check = new ExportCheck();
  const exported = exportedEvents(options.lines, check);
  const found = new Differences();
  const { value: header } = await exported.next();
  const storeId = await storeIdOf(options.log, options.kernel);
  const isOfThisLog = header?.kind === 'header' && header.storeId === storeId;
  if (header?.kind === 'header' && !isOfThisLog)
    found.add(
      'store_differs',
      'the export',
      `it is of log ${header.storeId}, and this is ${storeId}`,
    );
  const pairs = new Pairs(found);
  if (isOfThisLog) await comparePairs(pairs, exported, selected(options, header));
  // The rest of the export is checked for itself.
  while ((await exported.next()).done !== true);
  return {
    compared: pairs.compared,
    later: pairs.later,
    differences: found.listed,
    differenceCount: found.total,
    counts: found.counts,
    export: check.end(),
  };
}

async function comparePairs(
  pairs: Pairs,
  exported: AsyncGenerator<HeaderLine | EventLine, void, undefined>,
  log: AsyncGenerator<RecordedEvent, void, undefined>,
): Promise<void> {
  for await (const line of exported) {
    if (line.kind !== 'event' || pairs.exported(line)) continue;
    const next = await log.next();
    if (next.done !== true) pairs.logged(next.value);
  }
  for await (const recorded of log) pairs.logged(recorded);
  pairs.end();
}

/** The header and the events of an export; every line is checked on the way. */
async function* exportedEvents(
  lines: AsyncIterable<string>,
  check: ExportCheck,
): AsyncGenerator<HeaderLine | EventLine, void, undefined> {
  let isFirst = true;
  for await (const text of lines) {
    if (isFirst) assertFormat(text);
    isFirst = false;
    const line = check.line(text);
    if (line !== undefined && line.kind !== 'manifest') yield line;
  }
}

function assertFormat(text: string): void {
  const header = tryParseJson(text);
  const format = header !== undefined && isJsonObject(header) ? header['format'] : undefined;
  if (format === EXPORT_FORMAT) return;
  const what =
    typeof format === 'string' ? `is of the format ${format}` : 'does not begin with a header';
  const message = `the file ${what}; this version compares ${EXPORT_FORMAT}`;
  throw new TocsinError('usage', 'export_format', message, {
    hint: 'Compare a file of `tocsin audit export`. An older export is checked by the version that wrote it.',
  });
}

/** The events of the log that an export with this header has. */
async function* selected(
  { log, kernel, progress }: CompareOptions,
  { filter }: HeaderLine,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const { from, to, user, type } = filter;
  const bounds = {
    from: from === undefined ? undefined : parseBound(from),
    to: to === undefined ? undefined : parseBound(to),
  };
  const isSelected = selection({ kernel, user, type, ...bounds });
  let events = 0;
  for await (const page of kernelEvents(log, kernel, await headOf(log, kernel))) {
    for (const recorded of page) if (isSelected(recorded)) yield recorded;
    events += page.length;
    const last = page.at(-1);
    if (last !== undefined) progress?.(events, last.position);
  }
}

type Logged = { readonly recorded: RecordedEvent; readonly index: number };

/** Pairs the events of both sides by their ids; both come in about the same order. */
class Pairs {
  readonly #found: Differences;
  readonly #exported = new Map<string, EventLine>();
  readonly #logged = new Map<string, Logged>();
  #index = 0;
  /** The place in the log of the last pair. */
  #last = -1;
  compared = 0;
  later = 0;

  constructor(found: Differences) {
    this.#found = found;
  }

  /** Takes the next event of the export. @returns true when the log's event came before */
  exported(line: EventLine): boolean {
    const logged = this.#logged.get(line.event.id);
    if (logged === undefined) {
      this.#exported.set(line.event.id, line);
      this.#bound(this.#exported, (oldest) => {
        this.#missing(oldest);
      });
      return false;
    }
    this.#logged.delete(line.event.id);
    this.#pair(line, logged);
    return true;
  }

  logged(recorded: RecordedEvent): void {
    const logged = { recorded, index: this.#index };
    this.#index += 1;
    const line = this.#exported.get(recorded.id);
    if (line !== undefined) {
      this.#exported.delete(recorded.id);
      this.#pair(line, logged);
      return;
    }
    this.#logged.set(recorded.id, logged);
    this.#bound(this.#logged, (oldest) => {
      this.#added(oldest);
    });
  }

  end(): void {
    for (const line of this.#exported.values()) this.#missing(line);
    for (const logged of this.#logged.values()) this.#added(logged);
  }

  #pair({ event }: EventLine, { recorded, index }: Logged): void {
    this.compared += 1;
    const where = placeOf(event);
    const today = leafEvent(recorded);
    if (leafText(event) !== leafText(today)) {
      const fields = (['stream', 'revision', 'type', 'metadata', 'data'] as const).filter(
        (field) => JSON.stringify(event[field]) !== JSON.stringify(today[field]),
      );
      this.#found.add('event_changed', where, `another ${fields.join(', ')}`);
    }
    if (index < this.#last) {
      const detail = `it is at ${formatPosition(recorded.position)}, before events that were exported earlier`;
      this.#found.add('event_moved', where, detail);
    }
    this.#last = Math.max(this.#last, index);
  }

  #missing({ event }: EventLine): void {
    this.#found.add('event_missing', placeOf(event), `exported at ${event.position}`);
  }

  /** An event after the last pair was appended since. */
  #added({ recorded, index }: Logged): void {
    if (index > this.#last) {
      this.later += 1;
      return;
    }
    const { stream, revision, type, position } = recorded;
    const where = placeOf({ stream, revision: String(revision), type });
    this.#found.add('event_added', where, `it is at ${formatPosition(position)}`);
  }

  #bound<T>(waiting: Map<string, T>, drop: (oldest: T) => void): void {
    const [oldest] = waiting;
    if (waiting.size <= MAX_WAITING || oldest === undefined) return;
    waiting.delete(oldest[0]);
    drop(oldest[1]);
  }
}

function placeOf({
  stream,
  revision,
  type,
}: Pick<EventLine['event'], 'stream' | 'revision' | 'type'>): string {
  return `event ${revision} of ${stream} (${type})`;
}

class Differences {
  readonly listed: ComparisonDifference[] = [];
  readonly #counts = new Map<ComparisonCode, number>();

  add(code: ComparisonCode, where: string, detail: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (this.listed.length < LISTED)
      this.listed.push({ code, where, detail, meaning: COMPARED[code] });
  }

  get counts(): Readonly<Partial<Record<ComparisonCode, number>>> {
    return Object.fromEntries(this.#counts);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }
}
