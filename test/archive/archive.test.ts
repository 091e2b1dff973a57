// An archive of a log: what leaves, what stays, and that every answer is as it was.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { archiveSource } from '../../src/adapters/archive/archive-file.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { appendControl } from '../../src/kernel/control/control.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { verifyExport } from '../../src/projections/audit/export/verify-export.ts';
import { archivingWorld, DAY, MINUTE, type ArchivingWorld } from '../support/archiving.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';

/** Matches a text with this part. */
const containing = (part: string): unknown => expect.stringContaining(part);

describe('an archive', () => {
  it('moves closed triggers out of the log, and every answer is as it was', async () => {
    await using world = await archivingWorld();
    const ids: string[] = [];
    for (let n = 1; n <= 12; n += 1) {
      const { triggerId } = await raised(
        world.kernel,
        anInput(1 + (n % 3), {
          userId: 1 + (n % 4),
          idempotencyKey: `key ${n}`,
          payload: { z: n, a: [n] },
        }),
      );
      ids.push(triggerId);
      await world.project();
      world.clock.advance(n % 2 === 0 ? DAY / 2 : 40 * MINUTE);
    }
    await world.project();
    const audit = await world.audit();
    const before = {
      replay: await audit.replay(),
      verify: await audit.verify(),
      stories: await Promise.all(ids.map((id) => audit.explain(id))),
    };
    expect(before.verify.mismatches).toEqual([]);

    const events = (await eventsOf(world.store)).length;
    const result = await world.archive();
    const left = await eventsOf(world.store);
    expect(left.length).toBe(events + 1 - result.removed.events);
    expect(result.removed.triggers).toBeGreaterThan(4);
    await world.project();

    const after = await world.audit('one.ndjson');
    const replay = await after.replay();
    expect(replay).toEqual({ ...before.replay, events: before.replay.events + 1 });
    const verify = await after.verify();
    expect(verify.mismatches).toEqual([]);
    expect(await Promise.all(ids.map((id) => after.explain(id)))).toEqual(before.stories);
    await expect(world.audit().then((one) => one.replay())).rejects.toMatchObject({
      code: 'log_archived',
    });
  });

  it('has all events after the archive before it, and both are read as one log', async () => {
    await using world = await archivingWorld();
    await old(world, [anInput(1), anInput(2, { userId: 2 }), anInput(3, { userId: 3 })]);
    const { dedupeKeysSha256 } = await (await world.audit()).replay();
    const first = await world.archive({ name: 'one.ndjson', before: world.clock.now() - 40 * DAY });
    expect(first.archive).toBeNull();
    await world.archive({ name: 'one.ndjson' });
    await old(world, [anInput(4), anInput(5, { userId: 2 })]);
    await world.archive({ name: 'two.ndjson' });
    const audit = await world.audit('two.ndjson', 'one.ndjson');
    expect((await audit.verify()).mismatches).toEqual([]);
    expect((await audit.replay()).triggers).toBe(5);
    expect(
      (await audit.replay({ filter: { to: { time: Date.parse('2026-01-02') } } })).dedupeKeysSha256,
    ).toBe(dedupeKeysSha256);
    for (const name of ['one.ndjson', 'two.ndjson']) {
      const report = await verifyExport(archiveSource(world.pathOf(name)).lines());
      expect(report).toMatchObject({ faultCount: 0, whole: name === 'one.ndjson' });
    }
    await expect((await world.audit('two.ndjson')).replay()).rejects.toMatchObject({
      code: 'log_archived',
      message: containing('one.ndjson'),
    });
  });

  it('leaves what is open, can still be raised onto, or is younger', async () => {
    await using world = await archivingWorld();
    const feedback: Partial<RaiseInput> = {
      triggerType: 'unfinished_feedback',
      source: 'user_feedback',
      targetType: 'schedule_event',
      feedbackId: 'f 1',
    };
    await old(world, [anInput(1), anInput(2, { ...feedback, userId: 2 }), anInput(3)]);
    const { triggerId } = await raised(world.kernel, anInput(4));
    await world.project();
    const result = await world.archive();
    expect(result.kept).toEqual({ no_window: 1, needed: 1 });
    expect(result.removed.triggers).toBe(1);
    const again = await world.kernel.raise(anInput(2, { ...feedback, userId: 2 }));
    expect(again.outcome).toBe('duplicate');
    const preview = await (await world.audit('one.ndjson')).explain(triggerId);
    expect(preview.decision?.verdict).toBe('published');
  });

  it('keeps a scope and an idempotency key used', async () => {
    await using world = await archivingWorld();
    const requestedAt = new Date(world.clock.now()).toISOString();
    const input = anInput(1, { requestedAt, idempotencyKey: 'invoice 7' });
    await old(world, [input, anInput(2, { userId: 2, idempotencyKey: 'invoice 8' })]);
    await world.archive();
    const events = (await eventsOf(world.store)).length;
    for (const repeat of [input, anInput(1, { requestedAt }), { ...input, targetId: 9 }]) {
      expect(await world.kernel.raise(repeat)).toMatchObject({
        outcome: 'rejected',
        code: 'stream_deleted',
        message: containing('moved to an archive'),
      });
    }
    expect((await eventsOf(world.store)).length).toBe(events);
  });

  it('says what would leave, and changes nothing, in a dry run', async () => {
    await using world = await archivingWorld();
    await old(world, [anInput(1), anInput(2, { userId: 2 })]);
    const events = await eventsOf(world.store);
    const would = await world.archive({ dryRun: true });
    expect(await eventsOf(world.store)).toEqual(events);
    const done = await world.archive();
    expect({ ...would, space: null }).toEqual({ ...done, space: null });
    expect(readFileSync(world.pathOf('one.ndjson')).length).toBe(done.archive?.bytes);
  });

  it('is refused before anything is written, and says what to do', async () => {
    await using world = await archivingWorld();
    await old(world, [anInput(1), anInput(2, { userId: 2 })]);
    const events = await eventsOf(world.store);
    const now = world.clock.now();
    const latest = new Date(now - DAY).toISOString();
    await expect(world.archive({ before: now - DAY + 1 })).rejects.toMatchObject({
      code: 'archive_too_recent',
      hint: containing(latest),
    });
    const state = memoryReadModelStore().open();
    await expect(world.archive({ context: { state } })).rejects.toMatchObject({
      code: 'archive_not_projected',
    });
    await expect(world.archive({ plain: false })).rejects.toMatchObject({ code: 'archive_plain' });
    writeFileSync(world.pathOf('notes.txt'), 'my notes');
    await expect(world.archive({ name: 'notes.txt' })).rejects.toMatchObject({
      code: 'archive_exists',
    });
    expect(readFileSync(world.pathOf('notes.txt'), 'utf8')).toBe('my notes');
    expect(await eventsOf(world.store)).toEqual(events);
  });

  it('is refused while a policy of the log looks back further', async () => {
    await using world = await archivingWorld();
    await old(world, [anInput(1), anInput(2, { userId: 2 })]);
    const { store, clock } = world;
    const policy = { kind: 'anchored', windowMs: 7 * DAY, axis: 'recordedAt' } as const;
    await appendControl({ store, kernel: 'tocsin', runtime: systemRuntime(clock) }, () => [
      { type: 'NotificationPolicySet', data: { triggerType: '*', policy, reason: 'a test' } },
    ]);
    await expect(world.archive()).rejects.toMatchObject({
      code: 'archive_too_recent',
      hint: containing(new Date(clock.now() - 7 * DAY).toISOString()),
    });
  });

  it('that was changed is not read', async () => {
    await using world = await archivingWorld();
    await old(world, [anInput(1, { payload: { a: 1 } }), anInput(2, { userId: 2 })]);
    await world.archive();
    const path = world.pathOf('one.ndjson');
    const text = readFileSync(path, 'utf8');
    const lines = text.split('\n');
    const changes: readonly string[] = [
      text.replace('"important_urgent_task"', '"important_urgent_tasx"'),
      text.replace('"payload":{"a":1}', '"payload":{"a":2}'),
      [...lines.slice(0, 2), ...lines.slice(3)].join('\n'),
      [lines[0], lines[2], lines[1], ...lines.slice(3)].join('\n'),
      lines.slice(0, -2).join('\n'),
      `${text}${lines[1] ?? ''}\n`,
    ];
    for (const changed of changes) {
      expect(changed).not.toBe(text);
      writeFileSync(path, changed);
      await expect((await world.audit('one.ndjson')).replay()).rejects.toMatchObject({
        code: 'archive_damaged',
      });
    }
  });

  it('lets a projector without a read model fold the log, and no projector without it', async () => {
    await using world = await archivingWorld();
    await old(world, [anInput(1), anInput(2, { userId: 2 }), anInput(3, { userId: 3 })]);
    await world.archive();
    await world.project();
    const expected = world.file.snapshot();
    const messages = world.output.messages.length;
    const lost = memoryReadModelStore();
    await expect(world.project({}, { state: lost.open() })).rejects.toMatchObject({
      code: 'log_archived',
    });
    const archives = [archiveSource(world.pathOf('one.ndjson'))];
    await world.project({}, { state: lost.open(), archives });
    expect(lost.snapshot().verdicts).toEqual(expected.verdicts);
    expect(lost.snapshot().checkpoint?.digest).toBe(expected.checkpoint?.digest);
    expect(world.output.messages.length).toBe(messages);
  });
});

/** Raises and projects, and lets a month pass. */
async function old(world: ArchivingWorld, inputs: readonly RaiseInput[]): Promise<void> {
  await world.project();
  for (const input of inputs) await raised(world.kernel, input);
  await world.project();
  world.clock.advance(30 * DAY);
}
