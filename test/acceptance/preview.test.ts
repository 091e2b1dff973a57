// Acceptance: previews, from the offer to the confirmation.
import { describe, expect, test } from 'vitest';
import type { ApplyRequest } from '../../src/domain/preview/apply.ts';
import type { ApplyPreview } from '../../src/domain/ports/apply-preview.ts';
import type { ConfirmInput } from '../../src/domain/preview/commands.ts';
import { taskEvaluator } from '../../src/schedule/evaluation/task-evaluator.ts';
import {
  aBlock,
  aTask,
  MORNING,
  onBothStores,
  timetable,
  urgent,
  type Acceptance,
  type MakeAcceptance,
  type Timetable,
} from './acceptance.support.ts';

const HOUR = 3_600_000;
const CANDIDATE = 'add_task_pool_to_schedule:7:2026-04-30:1';

/** A host that writes what was confirmed into a timetable, in one step or not at all. */
function host(table: Timetable, options: { readonly failsHalfWay?: true } = {}) {
  const calls: ApplyRequest[] = [];
  const evaluator = taskEvaluator({ source: table.source });
  const apply: ApplyPreview = async (request) => {
    calls.push(request);
    if ((await evaluator.baseVersion(request)) !== request.baseVersion) {
      return { outcome: 'refused', code: 'base_version_changed' };
    }
    const before = new Map(table.blocks);
    try {
      const eventIds = request.changes.map(({ targetId, startAt, endAt }, index) => {
        const id = String(900 + calls.length + index);
        table.blocks.set(id, aBlock(id, startAt, { endAt, taskId: targetId }));
        if (options.failsHalfWay === true) throw new Error('the database went away');
        return Number(id);
      });
      return { outcome: 'applied', eventIds };
    } catch (error) {
      table.blocks.clear();
      for (const [id, block] of before) table.blocks.set(id, block);
      throw error;
    }
  };
  return { calls, apply };
}

async function applying(
  make: MakeAcceptance,
  options: { readonly failsHalfWay?: true } = {},
): Promise<Acceptance & { readonly calls: readonly ApplyRequest[] }> {
  const table = timetable();
  const { calls, apply } = host(table, options);
  const world = await make({ apply }, table);
  world.tasks.set('7', aTask('7', { estimatedSections: 2 }));
  return { ...world, calls };
}

const yes = (more: Partial<ConfirmInput> = {}): ConfirmInput => ({
  candidateId: CANDIDATE,
  idempotencyKey: 'key-1',
  ...more,
});

onBothStores((make) => {
  describe('a preview', () => {
    test('acceptance 17: an evaluated trigger has a preview with candidate, base version, earlier entries, changes and expiry', async () => {
      const world = await applying(make);
      world.blocks.set('b', aBlock('b', MORNING + 4 * HOUR));
      const view = await world.offered(urgent('7'));
      expect(view).toMatchObject({
        status: 'ready',
        kind: 'proposal',
        candidateId: CANDIDATE,
        baseVersion: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
        expiresAt: view.offeredAt + HOUR,
        candidates: [
          {
            candidateId: CANDIDATE,
            changes: [
              {
                changeId: `${CANDIDATE}:chg_1`,
                targetId: '7',
                startAt: Date.parse('2026-04-30T08:00:00+08:00'),
                endAt: Date.parse('2026-04-30T09:40:00+08:00'),
              },
            ],
          },
        ],
        snapshot: { before: { entries: [{ id: 'b', status: 'unchanged' }] } },
      });
      expect(await world.kernel.trigger(view.trigger.triggerId)).toMatchObject({
        status: 'offered',
      });
      expect(await world.messages()).toEqual([
        'active_schedule.triggered',
        'notification.feishu.requested',
      ]);
    });

    test('acceptance 18: a new preview does not change the timetable', async () => {
      const world = await applying(make);
      await world.offered(urgent('7'));
      expect(world.blocks.size).toBe(0);
      expect(world.calls).toEqual([]);
    });

    test('acceptance 19: only its owner can read a preview, with reason, explanation, before, after, risk, consequence and candidates', async () => {
      const world = await applying(make);
      const { previewId, snapshot, candidates } = await world.offered(urgent('7'));
      expect(snapshot).toMatchObject({
        reason: 'can_add_task_pool_to_schedule',
        explanation: 'There is room for “Task 7” in your schedule.',
        before: { entries: [] },
        after: { entries: [{ status: 'added', startAt: '2026-04-30T00:00:00.000Z' }] },
        risk: { level: 'low' },
      });
      expect(candidates).toHaveLength(1);
      expect(await world.kernel.previews.get(2, previewId)).toBeUndefined();
      expect(await world.kernel.previews.get(1, `${previewId}0`)).toBeUndefined();
      expect(await world.kernel.previews.confirm(2, previewId, yes())).toMatchObject({
        code: 'forbidden',
      });
    });

    test('acceptance 20: an hour after its offer a preview can be read and cannot be confirmed', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      world.time.advance(HOUR - 1);
      expect(await world.kernel.previews.get(1, previewId)).toMatchObject({ status: 'ready' });
      world.time.advance(1);
      expect(await world.kernel.previews.get(1, previewId)).toMatchObject({
        status: 'expired',
        canConfirm: false,
        candidates: [{ candidateId: CANDIDATE }],
      });
      expect(await world.kernel.previews.confirm(1, previewId, yes())).toMatchObject({
        outcome: 'rejected',
        code: 'expired',
      });
      expect(world.calls).toEqual([]);
    });

    test('acceptance 21: a confirmation after a change of the timetable is refused and nothing is written', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      world.blocks.set('new', aBlock('new', MORNING + 10 * HOUR));
      expect(await world.kernel.previews.confirm(1, previewId, yes())).toMatchObject({
        outcome: 'failed',
        code: 'base_version_changed',
      });
      expect([...world.blocks.keys()]).toEqual(['new']);
    });
  });

  describe('a confirm', () => {
    test('acceptance 35: the original candidate is applied under one apply id, and the answer names its entries', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      const result = await world.kernel.previews.confirm(1, previewId, yes());
      expect(result).toMatchObject({
        outcome: 'applied',
        applyId: expect.stringMatching(/^asap_[0-9a-f]{24}$/) as string,
        appliedEventIds: ['901'],
      });
      expect(world.blocks.get('901')).toMatchObject({ taskId: '7' });
      expect(await world.kernel.previews.get(1, previewId)).toMatchObject({ status: 'applied' });
      expect((await world.types()).slice(3)).toEqual([
        'ApplyStarted',
        'ApplySucceeded',
        'PreviewEnded',
      ]);
      expect((await world.messages()).at(-1)).toBe('schedule.apply.succeeded');
    });

    test('acceptance 36: edited changes are validated and applied as edited', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      const changeId = `${CANDIDATE}:chg_1`;
      const edit = (startAt: string, endAt: string, more: object = {}): ConfirmInput =>
        yes({ editedChanges: [{ changeId, startAt, endAt, ...more }] });
      const wrong = [
        edit('2026-04-30T10:00:00+08:00', '2026-04-30T15:00:00+08:00'),
        edit('2026-04-30T10:00:00+08:00', '2026-04-30T11:40:00+08:00', { targetId: 8 }),
        edit('2026-04-30T10:00:00+08:00', '2026-04-30T11:40:00+08:00', { changeId: 'another' }),
        yes({
          editedChanges: [1, 2].map(() => ({
            changeId,
            startAt: '2026-04-30T10:00:00+08:00',
            endAt: '2026-04-30T11:40:00+08:00',
          })),
        }),
      ];
      for (const input of wrong) {
        expect(await world.kernel.previews.confirm(1, previewId, input)).toMatchObject({
          outcome: 'rejected',
          code: 'invalid_edited_changes',
        });
      }
      const right = edit('2026-04-30T10:00:00+08:00', '2026-04-30T11:40:00+08:00');
      expect(await world.kernel.previews.confirm(1, previewId, right)).toMatchObject({
        outcome: 'applied',
      });
      expect([...world.blocks.values()]).toMatchObject([
        { startAt: Date.parse('2026-04-30T10:00:00+08:00') },
      ]);
    });

    test('acceptance 37: a conflict writes nothing, and its error is stored and answered', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      world.blocks.set('b', aBlock('b', Date.parse('2026-04-30T08:00:00+08:00')));
      await world.kernel.previews.confirm(1, previewId, yes());
      expect(world.blocks.size).toBe(1);
      expect(await world.kernel.previews.get(1, previewId)).toMatchObject({
        status: 'ready',
        apply: { status: 'failed', code: 'base_version_changed', appliedEventIds: [] },
      });
      expect((await world.messages()).at(-1)).toBe('schedule.apply.failed');
    });

    test('acceptance 38: two confirmations under one key, also concurrent, apply once under one apply id', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      const both = await Promise.all([
        world.kernel.previews.confirm(1, previewId, yes()),
        world.kernel.previews.confirm(1, previewId, yes()),
      ]);
      expect(both[0]).toMatchObject({ outcome: 'applied' });
      expect(both[1]).toEqual(both[0]);
      expect(world.calls).toHaveLength(1);
      expect(world.blocks.size).toBe(1);
    });

    test('acceptance 39: another request under a used key is refused, also after the apply', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      const other = yes({ action: 'confirm' });
      expect(await world.kernel.previews.confirm(1, previewId, yes())).toMatchObject({
        outcome: 'applied',
      });
      expect(await world.kernel.previews.confirm(1, previewId, other)).toMatchObject({
        outcome: 'rejected',
        code: 'idempotency_conflict',
      });
      expect(world.calls).toHaveLength(1);
    });

    test('acceptance 40: a confirmation under another key after success is answered already_applied', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      await world.kernel.previews.confirm(1, previewId, yes());
      const again = yes({ idempotencyKey: 'key-2' });
      expect(await world.kernel.previews.confirm(1, previewId, again)).toMatchObject({
        outcome: 'rejected',
        code: 'already_applied',
      });
      expect(world.blocks.size).toBe(1);
    });

    test('acceptance 41: a retry under the same key gets the same answer, also for a failure', async () => {
      const world = await applying(make);
      const { previewId } = await world.offered(urgent('7'));
      world.blocks.set('b', aBlock('b', MORNING + 10 * HOUR));
      const failed = await world.kernel.previews.confirm(1, previewId, yes());
      world.blocks.delete('b');
      expect(await world.kernel.previews.confirm(1, previewId, yes())).toEqual(failed);
      const next = yes({ idempotencyKey: 'key-2' });
      const applied = await world.kernel.previews.confirm(1, previewId, next);
      expect(applied).toMatchObject({ outcome: 'applied' });
      world.time.advance(2 * HOUR);
      expect(await world.kernel.previews.confirm(1, previewId, next)).toEqual(applied);
    });

    test('acceptance 47: an apply that fails in the middle is rolled back and reports the failure', async () => {
      const world = await applying(make, { failsHalfWay: true });
      const { previewId } = await world.offered(urgent('7'));
      expect(await world.kernel.previews.confirm(1, previewId, yes())).toMatchObject({
        outcome: 'failed',
        code: 'apply_error',
      });
      expect(world.blocks.size).toBe(0);
      expect((await world.types()).slice(3)).toEqual(['ApplyStarted', 'ApplyFailed']);
    });
  });

  test('acceptance 42: one request for a notification that is read twice is one message', async () => {
    const world = await applying(make);
    await world.offered(urgent('7'));
    const messages = await world.messages();
    expect(messages.filter((name) => name.startsWith('notification.'))).toHaveLength(1);
    // Another projection of the same log decides the same messages.
    expect(await world.messages()).toEqual(messages);
  });
});
