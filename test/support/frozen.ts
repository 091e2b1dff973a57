// Stops a process and waits until all its threads have stopped: the signal returns earlier, and a thread on another core
// could still answer.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const timeoutMs = 10_000;

/** SIGSTOP; returns when every thread of the process has stopped. */
export function freeze(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  const deadline = performance.now() + timeoutMs;
  // Without a pause, so that nothing of this process happens between the signal and its effect.
  while (!states(pid).every((state) => state === 'T')) {
    if (performance.now() > deadline) throw new Error(`process ${pid} did not stop`);
  }
}

/** What each thread does, as a letter: T is stopped. */
function states(pid: number): readonly string[] {
  const threads = `/proc/${pid}/task`;
  if (!existsSync(threads)) {
    return [
      execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).charAt(0),
    ];
  }
  return readdirSync(threads).map((thread) => {
    const stat = readFileSync(`${threads}/${thread}/stat`, 'utf8');
    // The name before it is in brackets, and may hold anything.
    return stat.charAt(stat.lastIndexOf(')') + 2);
  });
}
