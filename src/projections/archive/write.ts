// Writes an archive: all events of the log after the last archive that were recorded before a time.
import type { Instant } from '../../domain/core/instants.ts';
import { canonicalJson } from '../../domain/core/json.ts';
import { formatPosition, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { ArchiveRecord } from '../../domain/control/state.ts';
import { Chain, personalOf, privateKeyOf, signatureOf } from '../audit/export/chain.ts';
import { EXPORT_FORMAT } from '../audit/export/format.ts';
import type { ReadableLog } from '../audit/reading/ports.ts';
import { isAfter } from '../audit/reading/reading.ts';
import { leafEvent, leafTexts } from '../notary/leaf.ts';
import { leafHash } from '../notary/merkle.ts';
import { headerAfter, treeAt, treeOf, type ArchiveStart } from './format.ts';

export type WriteOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  readonly storeId: string;
  readonly after: ArchiveStart;
  /** The archive ends before the first event that was recorded at this time or later. */
  readonly before: Instant;
  /** A private Ed25519 key (PEM) that the manifest is signed with. */
  readonly signingKey?: string | undefined;
  /** Called with each event before its line is written; may throw to end the archive. */
  readonly see?: (event: RecordedEvent) => void;
  /** Called with each leaf of the tree. */
  readonly grown?: (size: number, root: () => string) => void;
  readonly progress?: (events: number, at: Position) => void;
};

/** What was written; `undefined` when there is no event to archive. */
export type Written = Omit<ArchiveRecord, 'file' | 'before'>;

/** The lines of the archive, without line ends. */
export async function* archiveLines(
  options: WriteOptions,
): AsyncGenerator<string, Written | undefined, undefined> {
  const { kernel, storeId, after, signingKey } = options;
  const key = signingKey === undefined ? undefined : privateKeyOf(signingKey);
  const chain = new Chain();
  const tree = treeAt(after);
  const types = new Map<string, number>();
  let first: string | undefined;
  let last: RecordedEvent | undefined;
  let events = 0;
  const header = { kind: 'header', format: EXPORT_FORMAT, kernel, storeId, filter: {} };
  yield chain.line({ ...header, after: headerAfter(after) });
  for await (const page of eventsBefore(options)) {
    for (const recorded of page) {
      options.see?.(recorded);
      const position = formatPosition(recorded.position);
      first ??= position;
      last = recorded;
      events += 1;
      types.set(recorded.type, (types.get(recorded.type) ?? 0) + 1);
      const texts = leafTexts(leafEvent(recorded), position);
      tree.add(leafHash(texts.leaf));
      options.grown?.(tree.size, () => Buffer.from(tree.root()).toString('hex'));
      yield chain.event(texts.positioned, personalOf(recorded), true);
    }
    if (last !== undefined) options.progress?.(events, last.position);
  }
  if (first === undefined || last === undefined) return undefined;
  const grown = treeOf(tree);
  const manifest = chain.next({
    kind: 'manifest',
    events,
    first,
    last: formatPosition(last.position),
    omitted: after.size,
    tree: { size: grown.size, root: grown.root },
    types: Object.fromEntries(types),
    root: chain.last,
  });
  const hash = chain.last;
  const signed = key === undefined ? manifest : { ...manifest, signature: signatureOf(key, hash) };
  yield canonicalJson(signed);
  return { upTo: last.position, events, tree: grown, hash };
}

async function* eventsBefore({
  log,
  kernel,
  after,
  before,
}: WriteOptions): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const prefixes = [`${kernel}.`];
  const from = after.position;
  for await (const page of log.readAll({ direction: 'forwards', prefixes, from })) {
    const end = page.findIndex((recorded) => isAfter(recorded, { time: before }));
    if (end === -1) yield page;
    else {
      yield page.slice(0, end);
      return;
    }
  }
}
