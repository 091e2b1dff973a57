// The contenders of `peers` on a server: through `tocsin store` in a process of its own.
import { join } from 'node:path';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { readyAppends } from '../limits/official-appends.ts';
import { readAndAppend, subscribeAndPublish } from '../peers/hand-written.ts';
import type { Contender } from '../support/interleave.ts';
import { deleteStream } from '../support/messages.ts';
import type { Measured } from '../support/rounds.ts';
import { IN_FLIGHT, raiseInto } from '../support/store.ts';
import { projectThrough, serverIn } from './front.ts';

/** Their log is `log.db` of the folder; appends go to stores that are empty at first. */
export async function frontContenders(
  folder: string,
  nats: string,
  requests: number,
): Promise<readonly (readonly [string, Contender])[]> {
  const own = join(folder, 'front');
  /** On a server of its own, with an empty log or a copy of the filled one: a projector notes its output there. */
  const served = async (
    log: 'empty' | 'filled',
    work: (url: string, state: string) => Promise<Measured>,
  ): Promise<number> => {
    await using server = await serverIn(own, log === 'filled' ? join(folder, 'log.db') : undefined);
    const { units, seconds } = await work(server.url, join(own, 'state.db'));
    return units / seconds;
  };
  await using filled = embeddedReader(join(folder, 'log.db'));
  const ready = await readyAppends(filled);
  return [
    [
      'raise through the front',
      () =>
        served('empty', async (url) => {
          await using store = eventStoreDb({ connectionString: url });
          return await raiseInto(store, requests);
        }),
    ],
    ['hand-written append', () => served('empty', (url) => readAndAppend(url, ready, IN_FLIGHT))],
    [
      'projector through the front',
      () =>
        served('filled', async (url, state) => {
          const measured = await projectThrough(url, nats, state, requests);
          await deleteStream(nats);
          return measured;
        }),
    ],
    [
      'hand-written publish',
      () => served('filled', (url, state) => subscribeAndPublish(url, nats, state, requests * 3)),
    ],
  ];
}
