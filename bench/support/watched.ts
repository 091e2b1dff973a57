// A command as a process of its own, whose resident memory is watched from outside.
import { spawn, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const SAMPLE_MS = 100;
const MB = 1024 * 1024;

/** What a command took. */
export type Run = { readonly peakMb: number; readonly seconds: number };

/** Runs `tocsin`, or another script, with these arguments to its end. */
export async function watched(args: readonly string[], script = MAIN): Promise<Run> {
  const begun = performance.now();
  const child = spawn(process.execPath, [script, ...args], {
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
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}: ${errors}`);
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
