// What every step of the set-up shares: one progress line, quiet commands, failures that say what to do.
// Plain JavaScript without dependencies, on purpose: it runs on Node 20, before anything is installed.
import { spawnSync } from 'node:child_process';

/** A step that failed, in words for the person at the terminal. */
export class SetupError extends Error {
  /**
   * @param {string} message what went wrong
   * @param {{ hint: string, output?: string }} details what to do, and the captured output
   */
  constructor(message, { hint, output = '' }) {
    super(message);
    this.hint = hint;
    this.output = output;
  }
}

/**
 * The one line of a step. On stderr: stdout belongs to the command (`--json`).
 *
 * @param {string} line
 */
export function progress(line) {
  process.stderr.write(`tocsin: ${line}\n`);
}

/**
 * Runs a command without showing its output, unless it fails.
 *
 * @param {readonly [string, ...string[]]} command
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, what: string, hint: string }} options
 */
export function quietly(command, { what, hint, ...options }) {
  const [program, ...args] = command;
  const run = spawnSync(program, args, {
    ...options,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    // A terminal stays reachable for sudo's password.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'],
  });
  if (run.status === 0) return;
  const how = run.error?.message ?? run.signal ?? `exit ${String(run.status)}`;
  // A program that could not be started has no output at all.
  const output = run.pid === 0 ? '' : `${run.stdout}\n${run.stderr}`;
  throw new SetupError(`${what} failed (${how}).`, { hint, output: ends(output) });
}

/**
 * The ends of an output: npm says the reason first, a compiler last.
 *
 * @param {string} output
 */
export function ends(output, { first = 6, last = 9 } = {}) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  if (lines.length <= first + last) return lines.join('\n');
  return [...lines.slice(0, first), '…', ...lines.slice(-last)].join('\n');
}
