// `audit`: replay, verify and simulate of a million events, as processes whose resident memory is watched
// from outside, between bare scans of the same store that are processes too; also over gRPC.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { startStoreProcess } from '../../src/cli/compose/store-process.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { fillStore, projectInto } from '../support/store.ts';
import { watched, type Run } from '../support/watched.ts';

const LIMIT_MB = 250;
/** What has to be reached of a bare scan's speed; verify of a file cannot (README.md, `verify`). */
const SHARE = 0.4;
const BARE_SCAN = fileURLToPath(new URL('../limits/bare-scan.ts', import.meta.url));
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
  const embedded = `embedded:${files.store}`;
  const verifying = ['verify', '--state', files.state, '--nats', server.url];
  const simulating = ['simulate', '--policy', 'anchored 1h on requestedAt'];
  const on = async (name: string, store: string, commands: readonly (readonly string[])[]) => {
    const scan = async (): Promise<number> => {
      say(`audit: bare scan, ${name}`);
      return (await watched([store, String(events)], BARE_SCAN)).seconds;
    };
    const before = await scan();
    const runs: AuditRun[] = [];
    for (const command of commands) {
      const what = `${command[0] ?? ''}, ${name}`;
      say(`audit: ${what}`);
      runs.push({ what, ...(await watched(['audit', ...command, '--store', store, '--json'])) });
    }
    const scanSeconds = (before + (await scan())) / 2;
    return runs.map((run) => ({ ...run, share: scanSeconds / run.seconds }));
  };
  const ofFile = await on('embedded', embedded, [['replay'], verifying, simulating]);
  await using front = await startStoreProcess(embedded);
  const overGrpc = await on('EventStoreDB', front.url, [['replay'], verifying]);
  const runs = [...ofFile, ...overGrpc];
  return {
    case: 'audit',
    figures: { unit: 'MB', events, runs },
    targets: [
      ...runs.map(({ what, peakMb }) => {
        return { what: `${what}: peak resident MB`, reached: peakMb, below: LIMIT_MB };
      }),
      ...[ofFile[0], ...overGrpc].flatMap((run) =>
        run === undefined
          ? []
          : [{ what: `${run.what}: share of a bare scan`, reached: run.share, atLeast: SHARE }],
      ),
    ],
    lines: runs.map(
      ({ what, peakMb, seconds, share }) =>
        `audit ${what.padEnd(20)}  peak ${shown(peakMb)} MB resident, ${shown(seconds, 1)} s (${shown(events / seconds)} events/s), ${shown(share, 3)} of a bare scan`,
    ),
  };
}

type AuditRun = Run & { readonly what: string };
