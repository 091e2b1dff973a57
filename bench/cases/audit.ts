// `audit`: replay, verify and simulate of a million events, as processes whose resident memory is watched
// from outside.
import { join } from 'node:path';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { fillStore, projectInto } from '../support/store.ts';
import { watched, type Run } from '../support/watched.ts';

const LIMIT_MB = 250;
/** What one request comes to in the log. */
const EVENTS_PER_REQUEST = 3;

export async function benchAudit({ sizes, folder, say }: Surroundings): Promise<Report> {
  const requests = Math.ceil(sizes.lines / EVENTS_PER_REQUEST);
  const events = requests * EVENTS_PER_REQUEST;
  const files = { store: join(folder, 'audit.db'), state: join(folder, 'audit-state.db') };
  say(`audit: filling a log of ${shown(events)} events`);
  await fillStore(files.store, requests);
  await using server = await startNatsServer({ storeDir: join(folder, 'nats-audit') });
  say(`audit: projecting ${shown(requests * 2)} messages`);
  await projectInto(files, server.url);
  const audit = async (...args: readonly string[]): Promise<Run> => {
    say(`audit: ${args[0] ?? ''}`);
    return await watched(['audit', ...args, '--store', `embedded:${files.store}`, '--json']);
  };
  const replay = await audit('replay');
  const verify = await audit('verify', '--state', files.state, '--nats', server.url);
  const simulate = await audit('simulate', '--policy', 'anchored 1h on requestedAt');
  const line = (what: string, { peakMb, seconds }: Run): string =>
    `audit ${what}  peak ${shown(peakMb)} MB resident, ${shown(seconds, 1)} s (${shown(events / seconds)} events/s)`;
  return {
    case: 'audit',
    figures: { unit: 'MB', events, replay, verify, simulate },
    targets: [
      { what: 'replay: peak resident MB', reached: replay.peakMb, below: LIMIT_MB },
      { what: 'verify: peak resident MB', reached: verify.peakMb, below: LIMIT_MB },
      { what: 'simulate: peak resident MB', reached: simulate.peakMb, below: LIMIT_MB },
    ],
    lines: [line('replay  ', replay), line('verify  ', verify), line('simulate', simulate)],
  };
}
