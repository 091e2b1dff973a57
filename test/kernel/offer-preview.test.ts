// previews.offer: previews on request, without a notification.
import { expect, test } from 'vitest';
import { scopeOf } from '../../src/domain/trigger/dedupe-scope.ts';
import type { Kernel } from '../../src/kernel/open-kernel.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';
import { scheduleTriggers } from '../../src/schedule/triggers.ts';

async function offered(kernel: Kernel): Promise<string> {
  const result = await kernel.previews.offer(anInput(7));
  if (result.outcome !== 'raised' || result.previewId === undefined) throw new Error('not offered');
  return result.previewId;
}

test('previews.offer makes a preview that can be read and confirmed, and requests no notification', async () => {
  const { kernel, project, output, store } = await makeWorld();
  const previewId = await offered(kernel);
  const types = (await eventsOf(store)).map(({ type }) => type);
  expect(types).toEqual(expect.arrayContaining(['TriggerRaised', 'PreviewOffered']));
  expect(types).not.toContain('NotificationRequested');
  expect(await kernel.previews.get(1, previewId)).toMatchObject({ canConfirm: true });
  const { published } = await project();
  expect(published).toBe(0);
  expect(output.messages.map(({ headers }) => headers.get('ce-type'))).toEqual([
    'active_schedule.triggered',
  ]);
  const yes = await kernel.previews.confirm(1, previewId, { idempotencyKey: 'k' });
  expect(yes).toMatchObject({ outcome: 'applied' });
});

test('previews.confirm rejects every input that is no request', async () => {
  const { kernel } = await makeWorld();
  const previewId = await offered(kernel);
  const cycle: { [key: string]: unknown } = { idempotencyKey: 'k' };
  cycle['itself'] = cycle;
  const strange = [
    undefined,
    JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`),
    { idempotencyKey: 'k', more: 1n },
    cycle,
  ] as never[];
  for (const input of strange) {
    expect(await kernel.previews.confirm(1, previewId, input)).toMatchObject({
      outcome: 'rejected',
      code: 'invalid_request',
    });
  }
});

test('previews.offer does not deduplicate notifications about the same target', async () => {
  const { kernel, project } = await makeWorld();
  await kernel.previews.offer(anInput(7));
  await raised(kernel, anInput(7));
  const again = await kernel.previews.offer(anInput(7));
  expect(again).toMatchObject({ outcome: 'duplicate' });
  expect(await project()).toMatchObject({ triggered: 2, published: 1, suppressed: 0 });
});

test('previews.offer keeps its idempotency keys separate from those of raises', async () => {
  const { kernel } = await makeWorld();
  const input = anInput(7, { idempotencyKey: 'k' });
  expect(await kernel.previews.offer(input)).toMatchObject({ outcome: 'raised' });
  expect(await kernel.previews.offer(input)).toMatchObject({ outcome: 'duplicate' });
  expect(await kernel.raise(input)).toMatchObject({ outcome: 'idempotency_conflict' });
});

test('previews.offer evaluates at once when evaluation is later', async () => {
  const { kernel, store } = await makeWorld({
    kernel: {
      evaluation: 'later',
      evaluateLater: ({ targetId }) =>
        Promise.resolve(
          targetId === '7'
            ? { outcome: 'offer', kind: 'reminder', summary: 'Seven.' }
            : { outcome: 'close', reason: 'done already' },
        ),
    },
  });
  expect(await kernel.previews.offer(anInput(7))).toMatchObject({ outcome: 'raised' });
  const before = await eventsOf(store);
  const closed = await kernel.previews.offer(anInput(8));
  expect(closed).toEqual({ outcome: 'nothing_to_offer', reason: 'done already' });
  expect(await eventsOf(store)).toHaveLength(before.length);
  const { kernel: alone } = await makeWorld({ kernel: { evaluation: 'later' } });
  await expect(alone.previews.offer(anInput(7))).rejects.toMatchObject({ code: 'no_evaluator' });
});

test('the scope key of a preview on request is fixed', () => {
  const [definition] = scheduleTriggers.filter(({ type }) => type === 'important_urgent_task');
  if (definition === undefined) throw new Error('there is no such type');
  const request = {
    userId: '42',
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId: '7',
    requestedAt: 1_777_507_200_000,
    traceId: 't',
    quiet: true,
  } as const;
  expect(scopeOf(definition, request).key).toBe(
    '42:important_urgent_task:t=task_pool:7:w=1777507200000:q=quiet',
  );
});
