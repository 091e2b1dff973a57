// `memory`: the command line on a file of a million lines, as processes of their own whose resident
// memory is watched from outside.
import { spawn, execFileSync } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { raiseLines } from '../support/inputs.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const SAMPLE_MS = 100;
const LIMIT_MB = 250;
const MB = 1024 * 1024;

type Run = { readonly peakMb: number; readonly seconds: number };

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

async function watched(args: readonly string[]): Promise<Run> {
  const begun = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], NODE_OPTIONS: process.env['NODE_OPTIONS'] },
  });
  let peakBytes = 0;
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2_000);
  });
  const timer = setInterval(() => {
    residentBytes(child.pid).then(
      (bytes) => {
        peakBytes = Math.max(peakBytes, bytes);
      },
      () => undefined, // It ended while we looked; the last sample stays.
    );
  }, SAMPLE_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(timer);
  });
  if (code !== 0) throw new Error(`tocsin ${args.join(' ')} ended with ${code}: ${errors}`);
  return { peakMb: peakBytes / MB, seconds: (performance.now() - begun) / 1000 };
}

/** Linux keeps the most itself (VmHWM), so nothing falls between two samples; elsewhere `ps` is asked. */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const status = `/proc/${pid}/status`;
  if (existsSync('/proc/self/status')) {
    const most = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(status, 'utf8'));
    return Number(most?.[1] ?? 0) * 1024;
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}
