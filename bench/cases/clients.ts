// `clients`: raise and projection through `tocsin store` with `client=kurrentdb`, against the same with the
// default client. Both are the product; only the definitions of the protocol and their gRPC differ.
import { join } from 'node:path';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import type { Report, Surroundings } from '../support/bench.ts';
import { alternate, type Measured } from '../support/rounds.ts';
import { fillStore, raiseInto } from '../support/store.ts';
import { linesOf, project, serverIn } from './front.ts';

type Client = 'eventstore' | 'kurrentdb';

export async function benchClients({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const log = join(folder, 'log.db');
  say('clients: filling the log');
  await fillStore(log, requests);

  const raise = async (client: Client): Promise<Measured> => {
    await using server = await serverIn(join(folder, client));
    await using store = eventStoreDb({ connectionString: withClient(server.url, client) });
    return await raiseInto(store, requests);
  };
  const projection = async (client: Client): Promise<Measured> => {
    await using server = await serverIn(join(folder, client), log);
    return await project(withClient(server.url, client), join(folder, client), requests);
  };
  const compare = (measure: (client: Client) => Promise<Measured>, what: string) =>
    alternate(
      rounds,
      { product: () => measure('kurrentdb'), limit: () => measure('eventstore') },
      (n) => {
        say(`clients, ${what}, round ${n} of ${rounds}`);
      },
    );
  const raised = await compare(raise, 'raise');
  const projected = await compare(projection, 'project');
  return {
    case: 'clients',
    figures: { requests, raise: raised, project: projected },
    targets: [],
    lines: [
      ...linesOf(raised, 'raise, client=kurrentdb', 'raise, default client', 'raises/s'),
      ...linesOf(projected, 'project, client=kurrentdb', 'project, default client', 'events/s'),
    ],
  };
}

function withClient(url: string, client: Client): string {
  const found = new URL(url);
  found.searchParams.set('client', client);
  return found.href;
}
