// `memory`: the command line on a file of a million lines, as processes of their own whose resident
// memory is watched from outside.
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { raiseLines } from '../support/inputs.ts';
import { watched, type Run } from '../support/watched.ts';

const LIMIT_MB = 250;

export async function benchMemory({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { lines } = sizes;
  const file = join(folder, 'big.ndjson');
  await pipeline(Readable.from(raiseLines(lines)), createWriteStream(file));
  const store = ['--store', `embedded:${join(folder, 'big.db')}`];
  say(`memory: raising ${shown(lines)} lines`);
  const raise = await watched(['raise', '--file', file, ...store, '--json']);
  await using server = await startNatsServer({ storeDir: join(folder, 'nats-big') });
  const state = ['--state', join(folder, 'big-state.db')];
  say(`memory: projecting ${shown(lines * 2)} messages`);
  const project = await watched([
    'project',
    '--once',
    ...store,
    ...state,
    '--nats',
    server.url,
    '--json',
  ]);
  const line = (what: string, { peakMb, seconds }: Run): string =>
    `${what}  peak ${shown(peakMb)} MB resident, ${shown(seconds, 1)} s (${shown(lines / seconds)} lines/s)`;
  return {
    case: 'memory',
    figures: { unit: 'MB', lines, raise, project },
    targets: [
      { what: 'raise: peak resident MB', reached: raise.peakMb, below: LIMIT_MB },
      { what: 'project: peak resident MB', reached: project.peakMb, below: LIMIT_MB },
    ],
    lines: [line('raise --file  ', raise), line('project --once', project)],
  };
}
