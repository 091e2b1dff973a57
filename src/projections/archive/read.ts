// Reads the events of an archive, and checks each line before its event is used: its number, its hash, and its personal
// part. The last line must be the one that the log has recorded.
import { hash } from 'node:crypto';
import type { ArchiveRecord } from '../../domain/control/state.ts';
import {
  canonicalJson,
  isJsonObject,
  nestsDeeperThan,
  parseJsonText,
  type Json,
  type JsonObject,
} from '../../domain/core/json.ts';
import { formatPosition, parsePosition } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { GENESIS, lineOf, MAX_LINE_DEPTH, type HeaderLine } from '../audit/export/format.ts';
import { publicPersonal } from '../notary/leaf.ts';
import {
  archiveDamaged,
  headerAfter,
  isOf,
  type ArchiveSource,
  type ArchiveStart,
} from './format.ts';

/** Events of one page, as many as a page of a log has. */
const PAGE_EVENTS = 512;

/** An archive that the log has recorded, with its file. */
export type Archive = {
  readonly source: ArchiveSource;
  readonly record: ArchiveRecord;
  readonly after: ArchiveStart;
};

/** The header of a file. @throws TocsinError `archive_damaged` when the file is no archive */
export async function headerOf(source: ArchiveSource): Promise<HeaderLine & { after: object }> {
  for await (const text of source.lines()) {
    const line = lineOf(text)?.line;
    if (line?.kind !== 'header' || line.after === undefined) break;
    return { ...line, after: line.after };
  }
  throw archiveDamaged(source.name, 'it is no archive');
}

/**
 * The events in order, page by page.
 *
 * @param isWanted by the name of the stream; other events are checked and left out
 * @throws TocsinError `archive_damaged`
 */
export async function* archiveEvents(
  archive: Archive,
  isWanted: (stream: string) => boolean = () => true,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const { source, record, after } = archive;
  const check = new LineCheck(source.name);
  let page: RecordedEvent[] = [];
  let isWhole = false;
  for await (const text of source.lines()) {
    if (isWhole) throw check.fault('a line comes after its end');
    const next = check.next(text);
    if (next === 'edge') {
      const line = lineOf(text)?.line;
      if (line?.kind === 'header') {
        const begins = canonicalJson(line.after ?? null) === canonicalJson(headerAfter(after));
        if (!begins) throw check.fault('it does not follow the archive before it');
      } else if (line?.kind !== 'manifest' || !isOf(line, record)) {
        throw check.fault('its last line is not the one that the log has recorded');
      } else isWhole = true;
      check.edge(text);
      continue;
    }
    if (!isWanted(next.stream)) continue;
    page.push(next);
    if (page.length < PAGE_EVENTS) continue;
    yield page;
    page = [];
  }
  if (!isWhole) throw check.fault('the file was cut');
  if (page.length > 0) yield page;
}

/** Checks lines without sorting their keys again: the text of a line is the text that its hash is of. */
class LineCheck {
  readonly #name: string;
  #n = 0;
  #prev = GENESIS;

  constructor(name: string) {
    this.#name = name;
  }

  fault(why: string): ReturnType<typeof archiveDamaged> {
    return archiveDamaged(this.#name, `line ${this.#n + 1}: ${why}`);
  }

  /** The event of the next line; `edge` for the first and the last line. */
  next(text: string): RecordedEvent | 'edge' {
    if (!text.startsWith('{"event":')) return 'edge';
    const json = this.#parsed(text);
    const { event, hash: own, personal, n, prev } = json;
    if (n !== this.#n || prev !== this.#prev || typeof own !== 'string') throw this.fault(CHANGED);
    const end = text.indexOf(`,"hash":"${own}","kind":"event","n":${n}`);
    const hashed = `${text.slice(0, end)},"kind":"event","n":${n},"prev":"${prev}"}`;
    if (end === -1 || hash('sha256', hashed) !== own) throw this.fault(CHANGED);
    const recorded = isJsonObject(event ?? null) ? this.#recorded(event, personal) : undefined;
    if (recorded === undefined) throw this.fault(CHANGED);
    this.#n += 1;
    this.#prev = own;
    return recorded;
  }

  /** Takes a line whose own hash is checked by its meaning. */
  edge(text: string): void {
    const { n, prev, hash: own } = this.#parsed(text);
    if (n !== this.#n || prev !== this.#prev || typeof own !== 'string') throw this.fault(CHANGED);
    const { hash: _hash, signature: _signature, ...rest } = this.#parsed(text);
    if (hash('sha256', canonicalJson(rest)) !== own) throw this.fault(CHANGED);
    this.#n += 1;
    this.#prev = own;
  }

  #parsed(text: string): JsonObject {
    if (nestsDeeperThan(text, MAX_LINE_DEPTH)) throw this.fault(CHANGED);
    try {
      const json = parseJsonText(text);
      if (isJsonObject(json)) return json;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw this.fault('it is no line of an archive');
  }

  #recorded(event: Json | undefined, personal: Json | undefined): RecordedEvent | undefined {
    if (event === undefined || !isJsonObject(event)) return undefined;
    const { id, stream, revision, position, type, data, metadata } = event;
    const at = typeof position === 'string' ? parsePosition(position) : undefined;
    if (typeof id !== 'string' || typeof stream !== 'string' || typeof type !== 'string') return;
    if (typeof revision !== 'string' || !/^\d{1,19}$/.test(revision) || at === undefined) return;
    if (data === undefined || metadata === undefined || formatPosition(at) !== position) return;
    const facts = { id, stream, revision: BigInt(revision), position: at, type, metadata };
    const said = isJsonObject(data) ? data['personal'] : undefined;
    if (said === undefined || !isJsonObject(data)) return { ...facts, data };
    if (personal === undefined) throw this.fault('its personal part was taken out');
    if (canonicalJson(publicPersonal(personal)) !== canonicalJson(said)) {
      throw this.fault('its personal part was changed');
    }
    return { ...facts, data: { ...data, personal } };
  }
}

const CHANGED = 'it was changed, moved or taken from another place';
