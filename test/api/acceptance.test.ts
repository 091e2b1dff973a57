// The API alone, and then the worker alone, on one log.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHttpApp } from '../../src/adapters/http/app.ts';
import { bearerTokens } from '../../src/adapters/http/endpoint/caller.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { categoryPrefix } from '../../src/domain/core/ids.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { EVALUATION_INDEX, evaluationProcess } from '../../src/kernel/processes/evaluation.ts';
import { createDeliveries } from '../../src/kernel/deliveries.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { deliveryWorld, STORES, type DeliveryWorld } from '../delivery/world.support.ts';
import { offering, running } from '../support/later.ts';
import { until } from '../support/until.ts';
import { eventsOf, QUICK } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const ABOUT = { trigger_type: 'important_urgent_task', target_type: 'task_pool', target_id: 7 };

type Ask = (path: string, body?: object) => Promise<Response>;

/** The API of that world for one user; no worker has made a list of deliveries. */
async function apiOf({ store, kernel, time }: DeliveryWorld): Promise<Ask> {
  const tokens = createTokens({ store, clock: time });
  const scopes = ['trigger:raise', 'trigger:read', 'delivery:read'] as const;
  const made = await tokens.create({ name: 'a test', scopes: [...scopes], userId: 1 });
  if (made.outcome !== 'created') throw new Error(made.message);
  const deliveries = createDeliveries({ store, index: () => undefined });
  const app = createHttpApp({ kernel, authenticate: bearerTokens(tokens), deliveries });
  const headers = { authorization: `Bearer ${made.token}`, 'content-type': 'application/json' };
  return async (path, body) =>
    app.fetch(
      new Request(`http://localhost/api/v1${path}`, {
        headers,
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      }),
    );
}

/** Raises a trigger through the API; its answer. */
async function posted(world: DeliveryWorld): Promise<unknown> {
  const ask = await apiOf(world);
  return (await ask('/active-schedule/trigger', ABOUT)).json();
}

async function typesIn({ store }: DeliveryWorld, category: 'trigger' | 'notification') {
  const prefix = categoryPrefix('tocsin', category);
  const events = await eventsOf(store);
  return events.filter(({ stream }) => stream.startsWith(prefix)).map(({ type }) => type);
}

describe.each(STORES)('on the %s store', (kind) => {
  test('acceptance 49: with the API alone a trigger stays pending, and nothing is offered, sent or recorded', async () => {
    await using world = await deliveryWorld({ store: kind, kernel: { evaluation: 'later' } });
    expect(await posted(world)).toMatchObject({ status: 'pending', dedupe_hit: false });
    world.time.advance(6_000);
    expect(await typesIn(world, 'trigger')).toEqual(['TriggerRaised']);
    expect(await typesIn(world, 'notification')).toEqual([]);
    expect(world.output.messages).toEqual([]);
  });

  test('acceptance 50: with the worker alone what was raised is offered, sent, and skipped for want of a channel', async () => {
    await using world = await deliveryWorld({ store: kind, kernel: { evaluation: 'later' } });
    await posted(world);
    const { store, time, output, kernel } = world;
    world.closed.set('1', 'no_channel');
    using indexes = memoryDueIndexStore().open(kernel.storeId);
    const index = indexes.open(EVALUATION_INDEX);
    await using _evaluating = running([
      evaluationProcess({
        ...scheduleProduct,
        store,
        evaluate: offering(),
        index,
        runtime: time,
      }),
    ]);
    await until('it is evaluated', async () =>
      (await typesIn(world, 'trigger')).includes('NotificationRequested'),
    );
    const state = memoryReadModelStore().open();
    const projector = openProjector({ store, output, clock: time, timing: QUICK, state });
    await projector.once();
    await using worker = await world.worker();
    await until('it is recorded', async () =>
      (await typesIn(world, 'notification')).includes('DeliverySkipped'),
    );
    expect(await typesIn(world, 'trigger')).toEqual([
      'TriggerRaised',
      'PreviewOffered',
      'NotificationRequested',
    ]);
    expect(world.calls).toEqual([]);
    const skipped = { status: 'skipped', limit: 1 } as const;
    const row = await until('its skip is in the list', () => worker.list.list(skipped)[0]);
    expect(row).toMatchObject({ userId: '1', reason: 'no_channel' });
  });

  test('acceptance 53: without anything in the background no work is done, and the API says so', async () => {
    await using world = await deliveryWorld({ store: kind, kernel: { evaluation: 'later' } });
    const ask = await apiOf(world);
    const Raised = z.object({ trigger_id: z.string() });
    const raised = Raised.parse(await (await ask('/active-schedule/trigger', ABOUT)).json());
    world.time.advance(6_000);
    const trigger = await ask(`/active-schedule/trigger/${raised.trigger_id}`);
    expect(await trigger.json()).toMatchObject({ status: 'pending' });
    const dryRun = await ask('/active-schedule/dry-run', ABOUT);
    const deliveries = await ask('/notification/deliveries');
    for (const answer of [dryRun, deliveries]) {
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(/\w/) as string });
    }
    expect(await typesIn(world, 'trigger')).toEqual(['TriggerRaised']);
  });
});
