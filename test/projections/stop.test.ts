// A projector's stop, while its store does not answer.
import { describe, expect, test } from 'vitest';
import { silentReads } from '../support/silent-reads.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised } from '../support/world.ts';

const silentStores: readonly [string, (stream: string) => boolean][] = [
  ['any read', () => true],
  ['the read of the last folded event', (stream) => stream.startsWith('tocsin.trigger-')],
  ['the read of the log', (stream) => stream === '$all'],
];

describe('projector', () => {
  test.each(silentStores)('run stops at once while the store does not answer %s', async (_, is) => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    await world.project();
    // The last folded event is a trigger's, not the output record in the control stream.
    await raised(world.kernel, anInput(2));
    await world.project();
    const { store, silence, waiting } = silentReads(world.store);
    const projector = world.projector({ store });
    silence(is);
    const stop = new AbortController();
    const running = projector.run(stop.signal);
    await until('the projector waits for the store', () => waiting() > 0);
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });

  test('once stops at once while the store does not answer the read of its head', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    const { store, silence, waiting } = silentReads(world.store);
    const projector = world.projector({ store });
    silence();
    const stop = new AbortController();
    const running = projector.once({}, stop.signal);
    const ended = expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await until('the projector waits for the store', () => waiting() > 0);
    stop.abort();
    await ended;
  });
});
