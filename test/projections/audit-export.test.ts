// Exports: the verifier needs the file alone, and finds whatever was done to it.
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { Frontier } from '../../src/projections/notary/frontier.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { isJsonObject, MAX_STORED_DEPTH, type JsonObject } from '../../src/domain/core/json.ts';
import { exportLines, type ExportOptions } from '../../src/projections/audit/export/export.ts';
import { redactExport } from '../../src/projections/audit/export/redact-export.ts';
import {
  verifyExport,
  type ExportReport,
} from '../../src/projections/audit/export/verify-export.ts';
import { triggerStreamOf, appendRaw, metadata } from '../support/log-edits.ts';
import { anInput, eventsOf, makeWorld, raised, START, type World } from '../support/world.ts';

async function smallWorld(): Promise<World> {
  const world = await makeWorld();
  for (const n of [1, 2])
    await raised(world.kernel, anInput(n, { payload: { note: 'private 7' } }));
  await raised(world.kernel, anInput(3, { userId: 2, payload: { note: 'line\u2028end' } }));
  return world;
}

async function exported({ store }: World, more: Partial<ExportOptions> = {}): Promise<string[]> {
  return collect(exportLines({ log: store, kernel: 'tocsin', ...more }));
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  await Promise.resolve();
  yield* lines;
}

const report = (lines: readonly string[], publicKey?: string): Promise<ExportReport> =>
  verifyExport(each(lines), { publicKey });

const codes = ({ faults }: ExportReport): readonly string[] => faults.map(({ code }) => code);

function keyPair() {
  const pair = generateKeyPairSync('ed25519');
  return {
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

test('an export holds every event and is complete', async () => {
  const world = await smallWorld();
  const events = await eventsOf(world.store);
  const lines = await exported(world);
  expect(lines).toHaveLength(events.length + 2);
  expect(await report(lines)).toMatchObject({
    events: events.length,
    redacted: 0,
    faults: [],
    signature: 'none',
    header: { kernel: 'tocsin', storeId: world.kernel.storeId, filter: {} },
    manifest: { events: events.length, types: { TriggerRaised: 3, NotificationRequested: 3 } },
  });
});

test('an export of an empty log is complete', async () => {
  const world = await makeWorld();
  const lines = await exported(world, { to: { time: 0 } });
  expect(await report(lines)).toMatchObject({ faults: [], manifest: { events: 0 } });
});

test('an export keeps bytes that are not JSON and texts with any character', async () => {
  const world = await smallWorld();
  await appendRaw(world.store, triggerStreamOf('odd'), {
    type: 'Odd',
    data: { text: '\r\n\u2028"\\ ✓' },
    metadata: metadata(START),
  });
  expect(codes(await report(await exported(world)))).toEqual([]);
});

test('an export keeps deeply nested events and lone surrogates', async () => {
  const world = await smallWorld();
  // The data itself is one level.
  const levels = MAX_STORED_DEPTH - 1;
  const data = `{"inner":${'['.repeat(levels)}"\\ud800"${']'.repeat(levels)}}`;
  await appendRaw(world.store, triggerStreamOf('odd'), {
    type: 'Odd',
    data: { ...(JSON.parse(data) as JsonObject) },
    metadata: metadata(START),
  });
  const lines = await exported(world);
  expect(codes(await report(lines))).toEqual([]);
  expect(lines.some((line) => line.includes('"\\ud800"'))).toBe(true);
  expect(await collect(redactExport(each(lines)))).toHaveLength(lines.length);
});

const CHANGES: readonly (readonly [
  what: string,
  code: string,
  change: (lines: string[]) => string[],
])[] = [
  [
    'a changed event',
    'line_changed',
    (lines) => lines.with(4, lines[4]?.replace('"1"', '"9"') ?? ''),
  ],
  ['a space', 'line_changed', (lines) => lines.with(4, `${lines[4] ?? ''} `)],
  ['a carriage return', 'line_changed', (lines) => lines.with(4, `${lines[4] ?? ''}\r`)],
  ['a missing line', 'line_missing', (lines) => lines.toSpliced(4, 1)],
  ['several missing lines', 'line_missing', (lines) => lines.toSpliced(4, 3)],
  ['a repeated line', 'line_added', (lines) => lines.toSpliced(4, 0, lines[4] ?? '')],
  [
    'a moved line',
    'line_moved',
    (lines) => [...lines.slice(0, 4), ...lines.slice(5, 8), lines[4] ?? '', ...lines.slice(8)],
  ],
  [
    'a line that nests deeper than a stack',
    'not_a_line',
    (lines) =>
      lines.with(4, lines[4]?.replace('"1"', `${'['.repeat(20_000)}${']'.repeat(20_000)}`) ?? ''),
  ],
  ['garbage', 'not_a_line', (lines) => lines.toSpliced(4, 0, '{"n":1}')],
  ['an empty line', 'not_a_line', (lines) => [...lines, '']],
  ['a line after the manifest', 'line_added', (lines) => [...lines, lines[4] ?? '']],
  ['a missing header', 'header_missing', (lines) => lines.slice(1)],
  ['a missing manifest', 'manifest_missing', (lines) => lines.slice(0, -1)],
  [
    'a changed personal part',
    'personal_changed',
    (lines) => lines.map((line) => line.replaceAll('private 7', 'private 8')),
  ],
];

test.each(CHANGES)('checking an export finds %s: %s', async (_what, code, change) => {
  const lines = await exported(await smallWorld());
  expect(codes(await report(change(lines)))).toContain(code);
});

test('checking an export finds a changed line with a new hash', async () => {
  const world = await smallWorld();
  const lines = await exported(world);
  const other = await exported(world, { kernel: 'tocsin', user: '1' });
  // The other export's line 4 is whole in itself, but of another chain.
  expect(codes(await report(lines.with(4, other[4] ?? '')))).toContain('chain_broken');
});

test('checking an export reports lines that are moved, missing or repeated', async () => {
  const lines = await exported(await smallWorld());
  const numbers = [...lines.keys()];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...numbers.slice(1, -1))), async (order) => {
      const { faults } = await report([0, ...order, lines.length - 1].map((n) => lines[n] ?? ''));
      const faultsOf = (code: string) => faults.filter((fault) => fault.code === code);
      const late = order.map((n, at) => ({
        isRepeated: order.indexOf(n) < at,
        isBehind: order.slice(0, at).some((before) => before > n),
      }));
      expect(faultsOf('line_added')).toHaveLength(late.filter((n) => n.isRepeated).length);
      expect(faultsOf('line_moved')).toHaveLength(
        late.filter((n) => n.isBehind && !n.isRepeated).length,
      );
      const missing = faultsOf('line_missing').flatMap(({ detail }) => {
        const [from = -1, to = from] = (detail.match(/\d+/g) ?? []).map(Number);
        return numbers.slice(from, to + 1);
      });
      expect(missing).toEqual(numbers.slice(1, -1).filter((n) => !order.includes(n)));
    }),
  );
});

test('checking an export finds a change at any byte', async () => {
  const text = (await exported(await smallWorld())).join('\n');
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), async (at, put) => {
      const spoilt = `${text.slice(0, at)}${put}${text.slice(at + 1)}`;
      fc.pre(spoilt !== text);
      expect((await report(spoilt.split('\n'))).faultCount).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});

test('the chain holds without personal parts, omitted at the export or removed later', async () => {
  const world = await smallWorld();
  const lines = await exported(world);
  const whole = await report(lines);
  const without = await collect(redactExport(each(lines)));
  expect(without.join()).not.toContain('private');
  expect(await report(without)).toMatchObject({ faults: [], redacted: 9, root: whole.root });
  expect(await exported(world, { redact: true })).toEqual(without);
  const onlyOne = await collect(redactExport(each(lines), { user: '2' }));
  expect(onlyOne.join()).toContain('private 7');
  expect(onlyOne.join()).not.toContain('end');
  expect(await report(onlyOne)).toMatchObject({ faults: [], redacted: 3, root: whole.root });
  await expect(collect(redactExport(each(['x'])))).rejects.toMatchObject({
    code: 'not_an_export',
  });
});

test('two exports of one log have one root, and a redacted one has no salt to guess with', async () => {
  const world = await smallWorld();
  const lines = await exported(world);
  expect(await exported(world)).toEqual(lines);
  const salts = (await eventsOf(world.store)).flatMap(({ data }) =>
    isJsonObject(data) && isJsonObject(data['personal'] ?? null)
      ? [z.object({ salt: z.string() }).parse(data['personal']).salt]
      : [],
  );
  expect(salts).toHaveLength(9);
  const without = (await exported(world, { redact: true })).join('');
  for (const salt of salts) expect(without).not.toContain(salt);
});

test('an export of the whole log names its Merkle tree, and a part says how much it leaves out', async () => {
  const world = await smallWorld();
  const events = await eventsOf(world.store);
  const tree = new Frontier();
  for (const event of events) tree.add(leafOf(event));
  const root = Buffer.from(tree.root()).toString('hex');
  const whole = await report(await exported(world));
  expect(whole).toMatchObject({ whole: true, manifest: { omitted: 0, tree: { size: 11, root } } });
  const lines = await exported(world, { user: '2' });
  const part = await report(lines);
  expect(part).toMatchObject({ faults: [], whole: false, manifest: { omitted: 6, tree: null } });
  const claimed = lines.map((line) => line.replace('"omitted":6', '"omitted":0'));
  expect(await report(claimed)).toMatchObject({ whole: false });
});

test('a change at any byte of a signed manifest is found', async () => {
  const { privateKey } = keyPair();
  const lines = await exported(await smallWorld(), { signingKey: privateKey });
  const last = lines.at(-1) ?? '';
  const from = last.indexOf('"signature"');
  for (let at = from; at < last.length; at += 1) {
    for (const put of ['', 'A', ' ', '\\n', '=']) {
      const spoilt = `${last.slice(0, at)}${put}${last.slice(at)}`;
      if (spoilt === last) continue;
      const { faultCount } = await report(lines.with(-1, spoilt));
      expect(faultCount, spoilt.slice(from)).toBeGreaterThan(0);
    }
  }
});

test('a signature is checked with the key in the file or a given key', async () => {
  const world = await smallWorld();
  const [own, other] = [keyPair(), keyPair()];
  const lines = await exported(world, { signingKey: own.privateKey });
  const signed = await report(lines);
  expect(signed).toMatchObject({ faults: [], signature: 'valid' });
  expect(await report(lines, own.publicKey)).toEqual(signed);
  expect(codes(await report(lines, other.publicKey))).toEqual(['signature_wrong']);
  expect(codes(await report(await exported(world), own.publicKey))).toEqual(['signature_wrong']);
  const without = await collect(redactExport(each(lines)));
  expect(await report(without, own.publicKey)).toMatchObject({ faults: [], signature: 'valid' });
});

test('an export refuses invalid keys', async () => {
  const world = await smallWorld();
  await expect(exported(world, { signingKey: 'x' })).rejects.toMatchObject({ code: 'invalid_key' });
  await expect(report([], 'x')).rejects.toMatchObject({ code: 'invalid_key' });
});

test('an export of one user has the streams of the user and the control events', async () => {
  const world = await smallWorld();
  const lines = await exported(world, { user: '2' });
  const { manifest, header } = await report(lines);
  expect(header?.filter).toEqual({ user: '2' });
  expect(manifest?.types).toEqual({
    StoreInitialised: 1,
    RulesetActivated: 1,
    TriggerRaised: 1,
    PreviewOffered: 1,
    NotificationRequested: 1,
  });
  expect(await exported(world, { type: 'unfinished_feedback' })).toHaveLength(4);
});
