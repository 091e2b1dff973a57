// kernel.cancel: what is not delivered yet ends, what was sent stays sent, and the scope and the window are free.
import { describe, expect, it } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { defineTrigger, notify } from '../../src/index.ts';
import type { Kernel } from '../../src/kernel/open-kernel.ts';
import { explain } from '../../src/projections/audit/explain/explain.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { verified } from '../support/audited.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';
import { deliveryWorld, type DeliveryWorld, type Notified } from './world.support.ts';

const TYPE = 'important_urgent_task';
const reason = 'the invoice is paid';

const typesOf = async (world: DeliveryWorld, notice: Notified) =>
  (await world.events(notice)).map(({ type }) => type);

const cancelOf = (kernel: Kernel, { triggerId }: { readonly triggerId: string }) =>
  kernel.cancel({ triggerId, reason }, { actor: 'billing' });

describe('kernel.cancel', () => {
  it('ends a delivery that waits for a retry at once, and the worker makes no further attempt', async () => {
    await using world = await deliveryWorld();
    world.answers.push({ outcome: 'transient', code: 'provider_5xx', detail: '' });
    await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it waits for a retry', ({ attempts, phase }) => {
      return attempts === 1 && phase.status === 'waiting';
    });
    const { triggerId } = notice;
    const cancelled = { triggerId, userId: '1', status: 'cancelled', delivery: 'cancelled' };
    expect(await cancelOf(world.kernel, notice)).toEqual({
      outcome: 'cancelled',
      triggers: [cancelled],
    });
    expect(await cancelOf(world.kernel, notice)).toEqual({
      outcome: 'unchanged',
      triggers: [{ ...cancelled, status: 'unchanged' }],
    });
    const other = await world.notify({ userId: 2 });
    await world.when(other, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    world.time.advance(30 * 60_000);
    expect(world.calls.map(({ notice: { userId } }) => userId)).toEqual(['1', '2']);
    expect(await typesOf(world, notice)).toEqual([
      'NotificationAccepted',
      'AttemptStarted',
      'AttemptFailed',
      'DeliveryCancelled',
    ]);
    expect(await world.kernel.trigger(triggerId)).toMatchObject({ status: 'cancelled', reason });
  });

  it('keeps a notification from being sent that no worker has accepted yet', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    expect(await cancelOf(world.kernel, notice)).toMatchObject({
      outcome: 'cancelled',
      triggers: [{ delivery: 'cancelled' }],
    });
    await world.worker();
    await world.when(notice, 'it is cancelled', ({ phase }) => phase.status === 'cancelled');
    expect(world.calls).toEqual([]);
    expect((await world.delivery(notice))?.reason).toBe('trigger_cancelled');
  });

  it('leaves a notification sent that was sent, and says so', async () => {
    await using world = await deliveryWorld();
    await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(await cancelOf(world.kernel, notice)).toMatchObject({
      outcome: 'cancelled',
      triggers: [{ status: 'cancelled', delivery: 'delivered' }],
    });
    expect((await typesOf(world, notice)).at(-1)).toBe('AttemptSucceeded');
  });

  it('lets an attempt under way end, and makes no further attempt after its failure', async () => {
    await using world = await deliveryWorld();
    const call = Promise.withResolvers<undefined>();
    world.answers.push(async () => {
      await call.promise;
      return { outcome: 'transient', code: 'provider_5xx', detail: '' };
    });
    await world.worker();
    const notice = await world.notify();
    await until('the call is under way', () => world.calls.length === 1);
    expect(await cancelOf(world.kernel, notice)).toMatchObject({
      triggers: [{ status: 'cancelled', delivery: 'attempting' }],
    });
    call.resolve(undefined);
    await world.toNextDue(notice);
    await world.when(notice, 'it is cancelled', ({ phase }) => phase.status === 'cancelled');
    expect(world.calls).toHaveLength(1);
  });

  it('releases the window of a notification that was not sent, so that the next request goes through', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'no_channel');
    await world.worker();
    const skipped = await world.notify();
    await world.when(skipped, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    const within = await world.notify();
    expect(await cancelOf(world.kernel, skipped)).toMatchObject({
      triggers: [{ delivery: 'cancelled' }],
    });
    world.closed.delete('1');
    const next = await world.notify();
    await world.when(next, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(await world.delivery(within)).toBeUndefined();
  });

  it.each([
    ['that the projection has not reached', 'not projected'],
    ['that was published, and no worker has accepted', 'not accepted'],
  ])('releases the window of a notification %s', async (_what, stage) => {
    await using world = await deliveryWorld();
    const raise = async (n: number) => raised(world.kernel, anInput(n, { userId: 1, targetId: n }));
    const first = stage === 'not accepted' ? await world.notify() : await raise(90);
    await cancelOf(world.kernel, first);
    const second = await raise(91);
    await cancelOf(world.kernel, second);
    const third = await world.notify({ targetId: 92 });
    await world.worker();
    await world.when(third, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(world.calls.map(({ notice: { triggerId } }) => triggerId)).toEqual([third.triggerId]);
    const result = await verified(world);
    expect(result.mismatches).toEqual([]);
  });

  it('leaves no mismatch behind for a suppressed request', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    const held = await world.notify({ targetId: 7 });
    expect(await cancelOf(world.kernel, held)).toMatchObject({
      triggers: [{ delivery: 'cancelled' }],
    });
    await world.worker();
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    const result = await verified(world);
    expect(result.mismatches).toEqual([]);
  });

  it('leaves a log that replay, verify and explain agree on', async () => {
    await using world = await deliveryWorld();
    world.closed.set('1', 'no_channel');
    await world.worker();
    const skipped = await world.notify();
    await world.when(skipped, 'it is skipped', ({ phase }) => phase.status === 'skipped');
    await cancelOf(world.kernel, skipped);
    const next = await world.notify();
    const rows = world.file.snapshot();
    const again = memoryReadModel();
    await replay(world.store, again, 'tocsin');
    expect(again.snapshot().sentNotifications).toEqual(rows.sentNotifications);
    expect(rows.verdicts.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ['published', 'first_in_window'],
      ['published', 'reopened'],
    ]);
    expect(await verified(world)).toMatchObject({ mismatches: [] });
    const sources = { log: world.store, kernel: 'tocsin', verdicts: again };
    const { story, sentence } = await explain(sources, skipped.triggerId);
    const lines = story.map(({ text }) => text);
    expect(lines).toContain('the trigger was cancelled (the invoice is paid)');
    expect(lines).toContain('cancelled: trigger_cancelled');
    expect(sentence).toContain('cancelled before it was delivered');
    expect(await world.delivery(next)).toBeDefined();
  });

  it('keeps the window of a notification that may have been sent', async () => {
    await using world = await deliveryWorld();
    world.answers.push({ outcome: 'unknown', code: 'provider_timeout', detail: '' });
    await world.worker();
    const notice = await world.notify();
    await world.when(notice, 'its outcome is unknown', ({ doubtful }) => doubtful.length === 1);
    await cancelOf(world.kernel, notice);
    const [cancelled] = (await world.events(notice)).slice(-1);
    expect(cancelled).toMatchObject({ type: 'DeliveryCancelled', data: { doubtful: true } });
    const next = await world.notify();
    expect(await world.delivery(next)).toBeUndefined();
    expect(world.output.messages.filter(isNotification)).toHaveLength(1);
  });

  it('frees the scope, so that the next raise about the target is a new trigger', async () => {
    await using world = await deliveryWorld();
    const first = await world.kernel.raise(anInput(7));
    if (first.outcome !== 'raised') throw new Error(first.outcome);
    expect(await world.kernel.raise(anInput(7))).toMatchObject({ outcome: 'duplicate' });
    await cancelOf(world.kernel, first);
    expect(await world.kernel.raise(anInput(7))).toMatchObject({ outcome: 'raised' });
    // The id still names the occurrence that was cancelled.
    expect(await cancelOf(world.kernel, first)).toMatchObject({ outcome: 'unchanged' });
  });

  it('cancels all triggers of a type about a target: of one user, or of all', async () => {
    await using world = await deliveryWorld();
    const { kernel, time } = world;
    const about = { triggerType: TYPE, targetType: 'task_pool', targetId: 7, reason };
    await kernel.raise(anInput(7));
    await kernel.raise(anInput(8));
    await kernel.raise(anInput(7, { userId: 2 }));
    time.advance(31 * 60_000);
    await kernel.raise(anInput(7));
    const mine = await kernel.cancel({ ...about, userId: 1 });
    expect(mine).toMatchObject({
      outcome: 'cancelled',
      triggers: [
        { userId: '1', status: 'cancelled' },
        { userId: '1', status: 'cancelled' },
      ],
    });
    expect(await kernel.cancel({ ...about, userId: 1 })).toMatchObject({ outcome: 'unchanged' });
    const all = await kernel.cancel(about);
    expect(all.outcome === 'cancelled' && all.triggers.map(({ status }) => status)).toEqual([
      'unchanged',
      'cancelled',
      'unchanged',
    ]);
    const nothing = { outcome: 'unchanged', triggers: [] };
    expect(await kernel.cancel({ ...about, targetId: 99 })).toEqual(nothing);
    expect(await kernel.cancel({ ...about, targetType: 'task_item' })).toEqual(nothing);
  });

  it('finds a trigger without a window however old it is', async () => {
    const invoice = defineTrigger({ type: 'invoice_overdue', windowMs: null, channel: 'feishu' });
    await using world = await deliveryWorld({ kernel: { triggers: [invoice], texts: {} } });
    const input = { userId: 1, targetType: 'invoice', targetId: 'INV-1' };
    await world.kernel.raise(invoice, input);
    world.time.advance(400 * 24 * 3_600_000);
    const about = { triggerType: invoice.type, targetId: 'INV-1', reason };
    expect(await world.kernel.cancel(about)).toMatchObject({ outcome: 'cancelled' });
    expect(await world.kernel.raise(invoice, input)).toMatchObject({ outcome: 'raised' });
  });

  it('ends the preview, which can then be neither confirmed nor dismissed', async () => {
    await using world = await deliveryWorld();
    const { previewId, triggerId } = await world.notify();
    await cancelOf(world.kernel, { triggerId });
    const { previews } = world.kernel;
    expect(await previews.get(1, previewId)).toMatchObject({ status: 'cancelled' });
    const no = { outcome: 'rejected', code: 'cancelled' };
    expect(await previews.confirm(1, previewId, { idempotencyKey: 'k' })).toMatchObject(no);
    expect(await previews.dismiss(1, previewId)).toMatchObject(no);
  });

  it('ends a trigger that waits for its evaluation', async () => {
    await using world = await deliveryWorld({ kernel: { evaluation: 'later' } });
    const raised = await world.kernel.raise(anInput(7));
    if (raised.outcome !== 'raised') throw new Error(raised.outcome);
    expect(await cancelOf(world.kernel, raised)).toMatchObject({ outcome: 'cancelled' });
    const types = (await eventsOf(world.store)).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['TriggerRaised', 'TriggerCancelled']);
  });

  it('does not let a muted request be released any more', async () => {
    await using world = await deliveryWorld();
    const { kernel, time } = world;
    const end = new Date(time.now() + 600_000);
    await kernel.policies.mute({ triggerType: '*', until: end, reason: 'storm' });
    const { triggerId } = await world.notify();
    await cancelOf(kernel, { triggerId });
    expect(await kernel.policies.release({ request: triggerId, reason: 'r' })).toMatchObject({
      outcome: 'rejected',
      code: 'cancelled',
    });
  });

  it('leaves a preview alone that is being applied', async () => {
    const applied = Promise.withResolvers<undefined>();
    const offer = defineTrigger({
      type: 'move_task',
      channel: 'feishu',
      evaluate: () => ({ ...notify({ summary: 'Move it.' }), candidates: [candidate] }),
    });
    const apply = async () => {
      await applied.promise;
      return { outcome: 'applied', eventIds: ['1'] } as const;
    };
    await using world = await deliveryWorld({ kernel: { triggers: [offer], texts: {}, apply } });
    const { kernel } = world;
    const raised = await kernel.raise(offer, { userId: 1, targetType: 'task', targetId: 7 });
    if (raised.outcome !== 'raised') throw new Error(raised.outcome);
    const { previewId = '' } = raised;
    const confirm = { candidateId: 'c', idempotencyKey: 'k' };
    const confirming = kernel.previews.confirm(1, previewId, confirm);
    await until('the apply has begun', async () =>
      (await eventsOf(world.store)).some(({ type }) => type === 'ApplyStarted'),
    );
    expect(await cancelOf(kernel, raised)).toMatchObject({
      outcome: 'unchanged',
      triggers: [{ status: 'apply_in_progress' }],
    });
    applied.resolve(undefined);
    expect(await confirming).toMatchObject({ outcome: 'applied' });
    expect(await cancelOf(kernel, raised)).toMatchObject({ outcome: 'cancelled' });
  });

  it('refuses an input that names no trigger, no reason or a type that nobody defined', async () => {
    await using world = await deliveryWorld();
    const { kernel } = world;
    const { triggerId } = await world.notify();
    const refused = async (input: object) => kernel.cancel(input as never);
    const invalid = { outcome: 'rejected', code: 'invalid_field' };
    expect(await refused({ triggerId })).toMatchObject(invalid);
    expect(await refused({ triggerId, reason: ' ' })).toMatchObject(invalid);
    expect(await refused({ triggerType: TYPE, reason })).toMatchObject(invalid);
    expect(await refused({ triggerId, triggerType: TYPE, reason })).toMatchObject(invalid);
    expect(await refused({ triggerType: 'nothing', targetId: 1, reason })).toMatchObject({
      outcome: 'rejected',
      code: 'unknown_trigger_type',
    });
    for (const unknown of ['x', `ast_${'0'.repeat(34)}_1`]) {
      expect(await refused({ triggerId: unknown, reason })).toEqual({ outcome: 'not_found' });
    }
    expect(await refused({ triggerId, userId: 2, reason })).toEqual({ outcome: 'not_found' });
  });
});

const candidate = {
  candidateId: 'c',
  type: 'move',
  score: 1,
  summary: 'Move it.',
  changes: [
    {
      changeId: '1',
      type: 'move',
      targetType: 'task',
      targetId: '7',
      startAt: Date.UTC(2026, 0, 2),
      endAt: Date.UTC(2026, 0, 3),
      editable: false,
    },
  ],
};

function isNotification({ headers }: { readonly headers: ReadonlyMap<string, string> }): boolean {
  return headers.get('ce-type')?.startsWith('notification.') === true;
}
