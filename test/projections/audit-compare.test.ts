// An export compared with the log of a later day.
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { compareExport } from '../../src/projections/audit/export/compare-export.ts';
import { exportLines, type ExportOptions } from '../../src/projections/audit/export/export.ts';
import { redactExport } from '../../src/projections/audit/export/redact-export.ts';
import { logOf } from '../support/audited.ts';
import { dataOf, metadataOf } from '../notary/real-run.support.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

async function aWorld(): Promise<World> {
  const world = await makeWorld();
  for (const n of [1, 2, 3])
    await raised(world.kernel, anInput(n, { userId: n, payload: { pin: n } }));
  return world;
}

async function exported(
  { store }: World,
  options: Partial<ExportOptions> = {},
): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of exportLines({ log: store, kernel: 'tocsin', ...options }))
    lines.push(line);
  return lines;
}

type Edit = (events: RecordedEvent[]) => RecordedEvent[];

async function compared(world: World, lines: readonly string[], edit?: Edit) {
  const log = await logOf(world, edit);
  return compareExport({ log, kernel: 'tocsin', lines: of(lines) });
}

async function* of(lines: readonly string[]): AsyncGenerator<string> {
  await Promise.resolve();
  yield* lines;
}

const nth = (events: readonly RecordedEvent[], type: string, at: number): number =>
  events.flatMap((event, index) => (event.type === type ? [index] : [])).at(at) ??
  expect.fail(`no ${type}`);

const SAME = { differenceCount: 0, differences: [], counts: {} };

describe('audit compare', () => {
  it('finds no difference in an unchanged log, in one that went on, and without personal data', async () => {
    const world = await aWorld();
    const lines = await exported(world);
    expect(await compared(world, lines)).toMatchObject({ ...SAME, later: 0 });
    await raised(world.kernel, anInput(9, { userId: 9 }));
    const events = lines.length - 2;
    expect(await compared(world, lines)).toMatchObject({ ...SAME, compared: events, later: 3 });
    const redacted: string[] = [];
    for await (const line of redactExport(of(lines))) redacted.push(line);
    expect(await compared(world, redacted)).toMatchObject({ ...SAME, compared: events });
  });

  it('compares a part with the same part of the log', async () => {
    const world = await aWorld();
    const lines = await exported(world, { user: '2' });
    expect(await compared(world, lines)).toMatchObject({ ...SAME, compared: lines.length - 2 });
    const ofOther: Edit = (log) => log.toSpliced(nth(log, 'TriggerRaised', 0), 1);
    expect(await compared(world, lines, ofOther)).toMatchObject(SAME);
    const ofOwn: Edit = (log) => log.toSpliced(nth(log, 'PreviewOffered', 1), 1);
    expect((await compared(world, lines, ofOwn)).counts).toEqual({ event_missing: 1 });
  });

  it.each<[string, Edit, object, string]>([
    [
      'a payload that was changed',
      (log) => {
        const at = nth(log, 'TriggerRaised', 1);
        const event = log[at] ?? expect.fail();
        const data = dataOf(event);
        const personal = { payload: { pin: 9 }, salt: 'AAAAAAAAAAAAAAAAAAAAAA' };
        return log.with(at, { ...event, data: { ...data, personal } });
      },
      { event_changed: 1 },
      'TriggerRaised',
    ],
    [
      'an actor that was changed',
      (log) => {
        const at = nth(log, 'PreviewOffered', 1);
        const event = log[at] ?? expect.fail();
        const metadata = { ...metadataOf(event), actor: 'mallory' };
        return log.with(at, { ...event, metadata });
      },
      { event_changed: 1 },
      'PreviewOffered',
    ],
    [
      'an event that was removed',
      (log) => log.toSpliced(nth(log, 'PreviewOffered', 1), 1),
      { event_missing: 1 },
      'PreviewOffered',
    ],
    [
      'an event that was put in',
      (log) => {
        const at = nth(log, 'PreviewOffered', 1);
        return log.toSpliced(at, 0, { ...(log[at] ?? expect.fail()), id: crypto.randomUUID() });
      },
      { event_added: 1 },
      'PreviewOffered',
    ],
    [
      'two events that were swapped',
      (log) => {
        const [a, b] = [nth(log, 'TriggerRaised', 1), nth(log, 'TriggerRaised', 2)];
        return log.with(a, log[b] ?? expect.fail()).with(b, log[a] ?? expect.fail());
      },
      { event_moved: 1 },
      'TriggerRaised',
    ],
    ['the end that was cut off', (log) => log.slice(0, -2), { event_missing: 2 }, 'PreviewOffered'],
  ])('names %s', async (_what, edit, counts, where) => {
    const world = await aWorld();
    const result = await compared(world, await exported(world), edit);
    expect(result.counts).toEqual(counts);
    expect(result.differences[0]?.where).toContain(where);
    expect(result.export.faultCount).toBe(0);
  });

  it('names the export of another log, and compares nothing', async () => {
    const [one, other] = [await aWorld(), await aWorld()];
    const result = await compared(one, await exported(other));
    expect(result).toMatchObject({ counts: { store_differs: 1 }, compared: 0 });
    expect(result.export.events).toBeGreaterThan(0);
  });

  it('checks the export itself', async () => {
    const world = await aWorld();
    const lines = await exported(world);
    const forged = lines.map((line) =>
      line.replace('"actor"', '"actor "').replace('pin":1', 'pin":7'),
    );
    const result = await compared(world, forged);
    expect(result.export.faultCount).toBeGreaterThan(0);
  });

  it('refuses an export of an older format', async () => {
    const world = await aWorld();
    const lines = (await exported(world)).map((line) => line.replace('export/2', 'export/1'));
    await expect(compared(world, lines)).rejects.toMatchObject({ code: 'export_format' });
    await expect(compared(world, ['not json'])).rejects.toMatchObject({ code: 'export_format' });
  });
});
