// An operator releases a request that a mute has suppressed: it is decided again at the release's place in the log, once,
// before it expires, and the audit agrees.
import { describe, expect, it } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { parsePolicy } from '../../src/domain/policy/text.ts';
import { explain } from '../../src/projections/audit/explain/explain.ts';
import { rebuild } from '../../src/projections/audit/rebuild/rebuild.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { simulate } from '../../src/projections/audit/simulate/simulate.ts';
import { readerOf, verified } from '../support/audited.ts';
import { setPolicy, verdictsOf } from '../support/policies.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

const MINUTE = 60_000;
const TYPE = 'important_urgent_task';

/** A world in which the type is muted for so many minutes. */
async function mutedWorld(minutes = 10, policy?: string): Promise<World> {
  const world = await makeWorld({ pageEntries: 3 });
  const parsed = policy === undefined ? undefined : parsePolicy(policy);
  if (parsed?.ok === true) await setPolicy(world.store, parsed.value);
  const until = new Date(world.clock.now() + minutes * MINUTE);
  await world.kernel.policies.mute({ triggerType: TYPE, until, reason: 'storm' });
  return world;
}

const release = ({ kernel }: World, { triggerId }: { readonly triggerId: string }) =>
  kernel.policies.release({ request: triggerId, reason: 'it is still true' }, { actor: 'ada' });

/** The verdicts of a projector over the whole log; a replay has the same, and verify finds no difference. */
async function decided(world: World): Promise<string[]> {
  await world.project();
  const { sentNotifications, verdicts, suppressedRequests, mutedRequests } = world.file.snapshot();
  const again = memoryReadModel();
  await replay(world.store, again, 'tocsin');
  expect(again.snapshot()).toMatchObject({ sentNotifications, suppressedRequests, mutedRequests });
  expect(again.snapshot().verdicts).toEqual(verdicts.map((row) => ({ ...row, sequence: null })));
  expect(await verified(world)).toMatchObject({ mismatches: [] });
  return verdictsOf(world);
}

const first = 'published first_in_window';
const silenced = 'suppressed silenced';
const within = 'suppressed within_window';

/** The data of the last message. */
function lastBody({ output }: World): unknown {
  const last = output.messages.at(-1);
  return last && JSON.parse(Buffer.from(last.data).toString());
}

describe('release of a muted request', () => {
  it('publishes the request, during the mute and after it', async () => {
    const world = await mutedWorld();
    const one = await raised(world.kernel, anInput(1));
    const two = await raised(world.kernel, anInput(2, { userId: 2 }));
    expect(await decided(world)).toEqual([silenced, silenced]);
    expect(await release(world, one)).toMatchObject({ outcome: 'released' });
    expect(await decided(world)).toEqual([silenced, first]);
    world.clock.advance(20 * MINUTE);
    await release(world, two);
    expect(await decided(world)).toEqual([first, first]);
    expect(lastBody(world)).toMatchObject({ user_id: 2, trigger_id: two.triggerId });
    const { reasons, mutedRequests } = world.file.snapshot();
    expect([reasons.get('silenced') ?? 0, mutedRequests]).toEqual([0, []]);
  });

  it('has an effect once', async () => {
    const world = await mutedWorld();
    const one = await raised(world.kernel, anInput(1));
    await release(world, one);
    expect(await release(world, one)).toEqual({ outcome: 'unchanged' });
    expect(await decided(world)).toEqual([first]);
    await world.project();
    expect(world.output.messages).toHaveLength(2);
  });

  it('is refused for a request that was not muted, that has expired or that is unknown', async () => {
    const world = await makeWorld();
    const before = await raised(world.kernel, anInput(1));
    expect(await release(world, before)).toMatchObject({ outcome: 'rejected', code: 'not_muted' });
    const until = new Date(world.clock.now() + 10 * MINUTE);
    await world.kernel.policies.mute({ triggerType: '*', until, reason: 'storm' });
    const muted = await raised(world.kernel, anInput(2));
    const unexplained = { request: muted.triggerId, reason: ' ' };
    expect(await world.kernel.policies.release(unexplained)).toMatchObject({
      outcome: 'rejected',
      code: 'invalid_field',
    });
    world.clock.advance(60 * MINUTE);
    expect(await release(world, muted)).toMatchObject({ outcome: 'rejected', code: 'expired' });
    for (const triggerId of ['x', `ast_${'0'.repeat(34)}_1`]) {
      expect(await release(world, { triggerId })).toEqual({ outcome: 'not_found' });
    }
    expect(await decided(world)).toEqual([first, silenced]);
  });

  it('takes the id of the preview too', async () => {
    const world = await mutedWorld();
    const { triggerId } = await raised(world.kernel, anInput(1));
    await release(world, { triggerId: triggerId.replace('ast_', 'asp_') });
    expect(await decided(world)).toEqual([first]);
  });

  it('leaves it to the windows whether the request is published', async () => {
    const world = await mutedWorld();
    const muted = await raised(world.kernel, anInput(1));
    world.clock.advance(10 * MINUTE);
    await raised(world.kernel, anInput(2));
    await release(world, muted);
    expect(await decided(world)).toEqual([first, within]);
    world.clock.advance(30 * MINUTE);
    expect(await release(world, muted)).toEqual({ outcome: 'unchanged' });
  });

  it('takes the window, so that later requests are suppressed', async () => {
    const world = await mutedWorld(10, 'anchored 30m');
    const muted = await raised(world.kernel, anInput(1));
    world.clock.advance(20 * MINUTE);
    await release(world, muted);
    world.clock.advance(29 * MINUTE);
    await raised(world.kernel, anInput(2));
    world.clock.advance(MINUTE);
    await raised(world.kernel, anInput(3));
    expect(await decided(world)).toEqual([first, within, first]);
  });

  it('does not ask how long ago the request happened', async () => {
    const world = await mutedWorld(10, 'none stale 15m');
    const muted = await raised(world.kernel, anInput(1));
    world.clock.advance(40 * MINUTE);
    await release(world, muted);
    expect(await decided(world)).toEqual(['published no_window']);
  });

  it('tells of the other requests that were suppressed, and not of itself', async () => {
    const world = await mutedWorld();
    const one = await raised(world.kernel, anInput(1));
    world.clock.advance(MINUTE);
    await raised(world.kernel, anInput(2));
    world.clock.advance(MINUTE);
    await raised(world.kernel, anInput(3));
    await release(world, one);
    await decided(world);
    const first_at = '2026-01-01T10:01:00.000Z';
    expect(lastBody(world)).toMatchObject({ suppressed_since: { count: 2, first_at } });
  });

  it('is part of the explanation', async () => {
    const world = await mutedWorld();
    const muted = await raised(world.kernel, anInput(1));
    await release(world, muted);
    await decided(world);
    const verdicts = world.file.open();
    const sources = { log: world.store, kernel: 'tocsin', verdicts };
    const { decision, story, sentence } = await explain(sources, muted.triggerId);
    expect(decision).toMatchObject({ verdict: 'published', reason: 'first_in_window' });
    const line = 'an operator released the muted request (it is still true)';
    expect(story.map(({ text, actor }) => [text, actor])).toContainEqual([line, 'ada']);
    expect(sentence).toContain('a notification was sent');
  });

  it('is in a simulation and in a rebuilt read model', async () => {
    const world = await mutedWorld();
    const muted = await raised(world.kernel, anInput(1));
    await raised(world.kernel, anInput(2, { userId: 2 }));
    await world.project();
    await release(world, muted);
    await world.project();
    const parsed = parsePolicy('anchored 30m');
    if (!parsed.ok) throw new Error('a good policy');
    const result = await simulate(world.store, {
      kernel: 'tocsin',
      before: { state: memoryReadModel() },
      after: { policies: new Map([['*', parsed.value]]), state: memoryReadModel() },
      axis: 'requestedAt',
      limitPerMinute: 100,
    });
    expect([result.before.published, result.after.published]).toEqual([1, 1]);

    const fresh = memoryReadModel();
    await rebuild({
      log: world.store,
      kernel: 'tocsin',
      output: await readerOf(world),
      state: fresh,
      live: world.file.snapshot().checkpoint,
      names: { subjectRoot: '', source: '/tocsin' },
    });
    expect(fresh.snapshot()).toEqual(world.file.snapshot());
  });
});
