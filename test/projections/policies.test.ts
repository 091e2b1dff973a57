// Policies in the log decide from their position on; a replay, and a projector that begins again at any
// page, decide the same.
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/domain/core/instants.ts';
import { parsePolicy } from '../../src/domain/policy/text.ts';
import type { Severity } from '../../src/domain/core/severity.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { appendControlEvent } from '../support/log-edits.ts';
import { endDelivery, sentNotificationsOf, setPolicy, verdictsOf } from '../support/policies.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

const MINUTE = 60_000;
const TYPE = 'important_urgent_task';

function policy(text: string): Policy {
  const parsed = parsePolicy(text);
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.error.map(({ field, message }) => `${field} ${message}`).join());
}

let target = 0;

/** Raises a trigger now, so many minutes after ten o'clock by the kernel's clock. */
async function raiseAt(world: World, minute: number, more: { severity?: Severity } = {}) {
  const parsed = parseInstant('2026-01-01T10:00:00.000Z');
  if (!parsed.ok) throw new Error(parsed.error);
  world.clock.advance(parsed.value + minute * MINUTE - world.clock.now());
  target += 1;
  await raised(world.kernel, anInput(target, more));
}

/** Verdicts of one projector over the whole log, which a replay repeats row by row. */
async function decided(world: World): Promise<string[]> {
  await world.project();
  const { sentNotifications, verdicts, checkpoint } = world.file.snapshot();
  const again = memoryReadModel();
  await replay(world.store, again, 'tocsin');
  const replayed = again.snapshot();
  expect(replayed.sentNotifications).toEqual(sentNotifications);
  // A replay has no output, so no message has a sequence.
  expect(replayed.verdicts).toEqual(verdicts.map((row) => ({ ...row, sequence: null })));
  expect(replayed.checkpoint?.counts).toEqual(checkpoint?.counts);
  return verdictsOf(world);
}

const first = 'published first_in_window';
const within = 'suppressed within_window';

describe('policy', () => {
  const minutes = [0, 1, 20, 29, 30, 31, 45, 59, 60, 75, 90];
  const cases: [string, readonly number[]][] = [
    ['tumbling 30m', [0, 30, 60, 90]],
    ['tumbling 1h', [0, 60]],
    ['tumbling 30m phase 15m', [0, 20, 45, 75]],
    ['anchored 30m', [0, 30, 60, 90]],
    ['anchored 29m', [0, 29, 59, 90]],
    ['rolling 2 1h', [0, 1, 60, 75]],
    ['session 15m max 40m', [0, 20, 60, 75, 90]],
  ];
  it.each(cases)('%s publishes the requests of these minutes', async (text, through) => {
    const world = await makeWorld({ pageEntries: 3 });
    await setPolicy(world.store, policy(text));
    for (const minute of minutes) await raiseAt(world, minute);
    const verdicts = await decided(world);
    expect(minutes.filter((_, i) => verdicts[i]?.startsWith('published'))).toEqual(through);
  });

  it('decides from its position in the log, and knows earlier published requests', async () => {
    const world = await makeWorld();
    await raiseAt(world, 0);
    await raiseAt(world, 35);
    await setPolicy(world.store, policy('anchored 1h'));
    await raiseAt(world, 40);
    await raiseAt(world, 95);
    await setPolicy(world.store, policy('tumbling 30m'));
    await raiseAt(world, 121);
    expect(await decided(world)).toEqual([first, first, within, first, first]);
  });

  it('of one type has precedence over the policy for all types, in either order', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policy('tumbling 1h'), TYPE);
    await setPolicy(world.store, policy('tumbling 10m'));
    await raiseAt(world, 0);
    await raiseAt(world, 20);
    expect(await decided(world)).toEqual([first, within]);
    await setPolicy(world.store, policy('tumbling 10m'), TYPE);
    await raiseAt(world, 40);
    expect(await decided(world)).toEqual([first, within, first]);
  });

  it('is restored by a projector that continues after another projector', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policy('anchored 2h'));
    await raiseAt(world, 0);
    await world.project();
    await raiseAt(world, 90);
    await world.project();
    expect(verdictsOf(world)).toEqual([first, within]);
    await decided(world);
  });

  it('on the axis recordedAt ignores requestedAt', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policy('anchored 30m on recordedAt'));
    const claim = (n: number, requestedAt: string) =>
      raised(world.kernel, anInput(1_000 + n, { requestedAt }));
    await claim(1, '2026-01-01T08:00:00Z');
    await claim(2, '2026-01-01T09:00:00Z');
    expect(await decided(world)).toEqual([first, within]);
  });

  it('can suppress a late request as stale', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policy('tumbling 30m stale 2h'));
    const claim = (n: number, requestedAt: string) =>
      raised(world.kernel, anInput(2_000 + n, { requestedAt }));
    await claim(1, '2026-01-01T07:59:59.999Z');
    await claim(2, '2026-01-01T08:00:00Z');
    expect(await decided(world)).toEqual(['suppressed stale', first]);
  });

  it('can publish a limited number of requests with a higher severity', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policy('anchored 30m bypass 2'));
    const severities: (Severity | undefined)[] = ['low', undefined, 'normal', 'high', 'low'];
    for (const severity of [...severities, 'urgent' as const, 'urgent' as const]) {
      await raiseAt(world, 1, severity === undefined ? {} : { severity });
    }
    const rose = 'published severity_rose';
    const capped = 'suppressed bypass_cap';
    expect(await decided(world)).toEqual([first, rose, within, rose, within, capped, capped]);
  });

  it('without bypasses ignores severity', async () => {
    const world = await makeWorld();
    await raiseAt(world, 1, { severity: 'low' });
    await raiseAt(world, 2, { severity: 'urgent' });
    expect(await decided(world)).toEqual([first, within]);
  });

  it('separates mock requests from live requests', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policy('anchored 30m'));
    await raiseAt(world, 0);
    await raised(world.kernel, anInput(3_000, { mockNow: '2026-01-01T10:00:00Z' }));
    expect(await decided(world)).toEqual([first, first]);
  });
});

describe('mute', () => {
  const mute = (world: World, minutes: number, triggerType = TYPE) =>
    appendControlEvent(world.store, {
      type: 'NotificationsMuted',
      data: { triggerType, until: world.clock.now() + minutes * MINUTE, reason: 'test' },
    });

  it('suppresses requests whose recordedAt is before its end, and opens no window', async () => {
    const world = await makeWorld();
    await mute(world, 10);
    await raiseAt(world, 0);
    await raiseAt(world, 9);
    await raiseAt(world, 10);
    await raiseAt(world, 11);
    const silenced = 'suppressed silenced';
    expect(await decided(world)).toEqual([silenced, silenced, first, within]);
  });

  it('of all types and mute of one type hold together, and each ends by itself', async () => {
    const world = await makeWorld();
    await mute(world, 10, '*');
    await mute(world, 10);
    const unmute = (triggerType: string) =>
      appendControlEvent(world.store, {
        type: 'NotificationsUnmuted',
        data: { triggerType, reason: 'test' },
      });
    await raiseAt(world, 0);
    await unmute('*');
    await raiseAt(world, 1);
    await unmute(TYPE);
    await raiseAt(world, 2);
    expect(await decided(world)).toEqual(['suppressed silenced', 'suppressed silenced', first]);
  });
});

describe('notification that did not arrive', () => {
  const reopened = 'published reopened';

  async function oneSent() {
    const world = await makeWorld({ pageEntries: 2 });
    await raiseAt(world, 0);
    await world.project();
    const [sent] = sentNotificationsOf(world);
    if (sent === undefined) throw new Error('nothing was let through');
    return { world, sent };
  }

  it.each(['DeliveryDied', 'DeliveryExpired'] as const)(
    'releases its window by %s, and the next request is published',
    async (type) => {
      const { world, sent } = await oneSent();
      await endDelivery(world.store, sent, type);
      await raiseAt(world, 1);
      await raiseAt(world, 2);
      expect(await decided(world)).toEqual([first, reopened, within]);
      const { verdicts } = world.file.snapshot();
      expect(verdicts[1]?.basis).toBe(sent.id);
      expect(sentNotificationsOf(world)[0]).toMatchObject({ released: true, releases: 1 });
    },
  );

  it('keeps its window when it may have arrived and when it was skipped', async () => {
    const { world, sent } = await oneSent();
    await endDelivery(world.store, sent, 'DeliveryDied', true);
    await raiseAt(world, 1);
    await endDelivery(world.store, sent, 'DeliveryExpired', true);
    await raiseAt(world, 2);
    await endDelivery(world.store, sent, 'DeliverySkipped');
    await raiseAt(world, 3);
    expect(await decided(world)).toEqual([first, within, within, within]);
  });

  it('releases a window at most twice', async () => {
    const { world } = await oneSent();
    for (let minute = 1; minute <= 4; minute += 1) {
      const last = sentNotificationsOf(world).at(-1);
      if (last === undefined) throw new Error('nothing was let through');
      await endDelivery(world.store, last, 'DeliveryDied');
      await raiseAt(world, minute);
      await world.project();
    }
    expect(await decided(world)).toEqual([first, reopened, reopened, within, within]);
  });

  it('takes its window back when it is redriven', async () => {
    const { world, sent } = await oneSent();
    await endDelivery(world.store, sent, 'DeliveryDied');
    await endDelivery(world.store, sent, 'DeliveryRedriven');
    await raiseAt(world, 1);
    await endDelivery(world.store, sent, 'DeliveryDied');
    await raiseAt(world, 2);
    expect(await decided(world)).toEqual([first, within, reopened]);
  });

  it('releases only its own window', async () => {
    const { world, sent } = await oneSent();
    await raiseAt(world, 30);
    await endDelivery(world.store, sent, 'DeliveryDied');
    await raiseAt(world, 31);
    expect(await decided(world)).toEqual([first, first, within]);
  });

  it('changes nothing when it is unknown', async () => {
    const { world, sent } = await oneSent();
    await endDelivery(world.store, { ...sent, id: crypto.randomUUID() }, 'DeliveryDied');
    await endDelivery(world.store, { ...sent, mock: true }, 'DeliveryDied');
    await endDelivery(world.store, { ...sent, user: '2' }, 'DeliveryDied');
    await raiseAt(world, 1);
    expect(await decided(world)).toEqual([first, within]);
  });
});
