// `audit export`: writes the events of a log as lines; each line holds the hash of the line before it.
import { controlStream } from '../../../domain/core/ids.ts';
import { canonicalJson, type JsonObject } from '../../../domain/core/json.ts';
import { formatPosition, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { Frontier } from '../../notary/frontier.ts';
import { leafEvent, leafTexts } from '../../notary/leaf.ts';
import { leafHash } from '../../notary/merkle.ts';
import {
  headOf,
  isAfter,
  kernelEvents,
  storeIdOf,
  typeOf,
  userOf,
  type Bound,
} from '../reading/reading.ts';
import type { ReadableLog } from '../reading/ports.ts';
import { Chain, personalOf, privateKeyOf, signatureOf } from './chain.ts';
import { EXPORT_FORMAT, ManifestSchema, type Manifest } from './format.ts';

/** Which events to export. Control events before `to` are always exported: verdicts depend on them. */
export type ExportOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  /** Inclusive. */
  readonly from?: Bound | undefined;
  /** Exclusive. */
  readonly to?: Bound | undefined;
  /** Streams of this user. */
  readonly user?: string | undefined;
  /** Streams about this trigger type. */
  readonly type?: string | undefined;
  /** Leaves personal parts out; the chain is the same as with them. */
  readonly redact?: boolean | undefined;
  /** A private Ed25519 key (PEM) that the manifest is signed with. */
  readonly signingKey?: string | undefined;
  /** Called with the number of written events, once per page. */
  readonly progress?: (events: number, at: Position) => void;
};

/**
 * The lines of an export without line ends, as canonical JSON; returns the manifest.
 *
 * @throws TocsinError `usage` for a key that is not an Ed25519 private key
 */
export async function* exportLines(
  options: ExportOptions,
): AsyncGenerator<string, Manifest, undefined> {
  const { log, kernel, from, to, user, type, redact, signingKey } = options;
  const key = signingKey === undefined ? undefined : privateKeyOf(signingKey);
  const head = await headOf(log, kernel);
  const chain = new Chain();
  const filter = withoutUndefined({ from: boundText(from), to: boundText(to), user, type });
  const storeId = await storeIdOf(log, kernel);
  yield chain.line({ kind: 'header', format: EXPORT_FORMAT, kernel, storeId, filter });
  const isSelected = selection(options);
  const tree = new Frontier();
  const types = new Map<string, number>();
  let [events, omitted] = [0, 0];
  let [first, last]: [string | null, string | null] = [null, null];
  for await (const page of kernelEvents(log, kernel, head)) {
    for (const recorded of page) {
      if (!isSelected(recorded)) {
        omitted += 1;
        continue;
      }
      const position = formatPosition(recorded.position);
      first ??= position;
      last = position;
      events += 1;
      types.set(recorded.type, (types.get(recorded.type) ?? 0) + 1);
      const event = leafEvent(recorded);
      const texts = leafTexts(event, position);
      // The tree is of the whole log or of nothing.
      if (omitted === 0) tree.add(leafHash(texts.leaf));
      yield chain.event(texts.positioned, redact === true ? undefined : personalOf(recorded));
    }
    const at = page.at(-1)?.position;
    if (at !== undefined) options.progress?.(events, at);
  }
  const manifest = chain.next({
    kind: 'manifest',
    events,
    first,
    last,
    omitted,
    tree: omitted > 0 ? null : { size: tree.size, root: Buffer.from(tree.root()).toString('hex') },
    types: Object.fromEntries(types),
    root: chain.last,
  });
  const signed =
    key === undefined ? manifest : { ...manifest, signature: signatureOf(key, chain.last) };
  yield canonicalJson(signed);
  return ManifestSchema.parse(signed);
}

/** Selects events in log order. A stream is selected from its first event about the user and the type. */
export function selection(
  options: Pick<ExportOptions, 'kernel' | 'from' | 'to' | 'user' | 'type'>,
): (recorded: RecordedEvent) => boolean {
  const { kernel, from, to, user, type } = options;
  const streams = new Set<string>();
  return (recorded) => {
    const isBefore = to === undefined || !isAfter(recorded, to);
    if (recorded.stream === controlStream(kernel)) return isBefore;
    if (user !== undefined || type !== undefined) {
      const isUsers = user === undefined || String(userOf(recorded)) === user;
      const isTypes = type === undefined || typeOf(recorded) === type;
      if (isUsers && isTypes) streams.add(recorded.stream);
      if (!streams.has(recorded.stream)) return false;
    }
    return isBefore && (from === undefined || isAfter(recorded, from));
  };
}

function boundText(bound: Bound | undefined): string | undefined {
  if (bound === undefined) return undefined;
  return 'position' in bound ? formatPosition(bound.position) : new Date(bound.time).toISOString();
}

function withoutUndefined(fields: Readonly<Record<string, string | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
