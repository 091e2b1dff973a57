// Previews that somebody asks for: offered, and told to nobody.
import { expect, test } from 'vitest';
import { scopeOf } from '../../src/domain/trigger/stream.ts';
import type { Kernel } from '../../src/kernel/open-kernel.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';
import { scheduleTriggers } from '../../src/schedule/triggers.ts';

async function offered(kernel: Kernel): Promise<string> {
  const result = await kernel.previews.offer(anInput(7));
  if (result.outcome !== 'raised' || result.previewId === undefined) throw new Error('not offered');
  return result.previewId;
}

test('a preview that is asked for can be read and confirmed, and notifies nobody', async () => {
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

test('a confirm of what is no request, whatever it is made of, is refused in words', async () => {
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

test('it keeps nobody from being told of the same target, before and after', async () => {
  const { kernel, project } = await makeWorld();
  await kernel.previews.offer(anInput(7));
  await raised(kernel, anInput(7));
  const again = await kernel.previews.offer(anInput(7));
  expect(again).toMatchObject({ outcome: 'duplicate' });
  expect(await project()).toMatchObject({ triggered: 2, published: 1, suppressed: 0 });
});

test('a key of its own stands for it, and never for a raise', async () => {
  const { kernel } = await makeWorld();
  const input = anInput(7, { idempotencyKey: 'k' });
  expect(await kernel.previews.offer(input)).toMatchObject({ outcome: 'raised' });
  expect(await kernel.previews.offer(input)).toMatchObject({ outcome: 'duplicate' });
  expect(await kernel.raise(input)).toMatchObject({ outcome: 'idempotency_conflict' });
});

test('where evaluation is later, it is asked at once', async () => {
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

test('the quiet scope’s key is for ever', () => {
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
