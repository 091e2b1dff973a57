// A process that is started again whenever it ends, as a service manager does, and that a test may kill,
// stop and continue. It remembers how it ended when nobody had asked for that.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/until.ts';

const RESTART_MS = 50;
const KEPT_LINES = 12;

/** An end that nobody asked for, with the last that the process said. */
export type UnexpectedEnd = {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: readonly string[];
};

export type SupervisedOptions = {
  readonly name: string;
  /** File to run and its arguments; asked at each start. */
  readonly command: () => readonly string[];
  /** In a line of its stdout once it is ready. */
  readonly ready: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
  /** A new incarnation is there, but not ready yet. */
  readonly onStart?: () => void;
  readonly onUnexpectedEnd: (end: UnexpectedEnd) => void;
};

export class Supervised {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #wanted = false;
  #killed = false;
  #stopped = false;
  #ready = false;
  starts = 0;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isReady(): boolean {
    return this.#ready && !this.#stopped;
  }

  start(): void {
    this.#wanted = true;
    this.#spawn();
  }

  write(text: string): void {
    this.#child?.stdin?.write(text);
  }

  /** SIGKILL; resolves when it is gone. It is started again. False when there was nothing to kill. */
  async kill(): Promise<boolean> {
    const child = this.#child;
    if (child === undefined || !this.#ready) return false;
    this.#killed = true;
    child.kill('SIGKILL');
    await until(`${this.name} to be gone`, () => this.#child !== child);
    return true;
  }

  /** SIGTERM. It is started again. Resolves with how it ended; undefined when there was nothing to end. */
  async terminate(timeoutMs: number): Promise<number | string | undefined> {
    const child = this.#child;
    if (child === undefined || !this.#ready) return undefined;
    this.#killed = true;
    child.kill('SIGTERM');
    try {
      await until(`${this.name} to end`, () => this.#child !== child, timeoutMs);
    } catch {
      child.kill('SIGKILL');
      await until(`${this.name} to be gone`, () => this.#child !== child);
      return `still there after ${timeoutMs} ms`;
    }
    return child.exitCode ?? child.signalCode ?? 'gone';
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    this.#stopped = true;
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#stopped = false;
    this.#child?.kill('SIGCONT');
  }

  /** Asks it to end, for good. Resolves with its exit code; undefined when it had to be killed. */
  async stop(timeoutMs?: number): Promise<number | undefined> {
    this.#wanted = false;
    this.thaw();
    const child = this.#child;
    if (child === undefined) return 0;
    this.#killed = true;
    child.kill('SIGTERM');
    child.stdin?.end();
    try {
      await until(`${this.name} to end`, () => this.#child !== child, timeoutMs);
    } catch {
      // Told by what is returned.
      child.kill('SIGKILL');
      await until(`${this.name} to be gone`, () => this.#child !== child);
      return undefined;
    }
    return child.exitCode ?? undefined;
  }

  #spawn(): void {
    const { command, cwd, env, ready, onLine, onStart, onUnexpectedEnd, name } = this.#options;
    const said: string[] = [];
    const child = spawn(process.execPath, [...command()], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#killed = this.#ready = this.#stopped = false;
    this.starts += 1;
    // A process that has ended reads no more; the exit event reports its end.
    child.stdin.on('error', () => undefined);
    const keep = (line: string): void => {
      said.push(line);
      if (said.length > KEPT_LINES) said.shift();
    };
    createInterface(child.stdout).on('line', (line) => {
      if (line.includes(ready)) this.#ready = true;
      if (onLine === undefined) keep(line);
      else onLine(line);
    });
    createInterface(child.stderr).on('line', (line) => {
      if (line.includes(ready)) this.#ready = true;
      keep(line);
    });
    child.once('close', (code, signal) => {
      this.#child = undefined;
      this.#ready = false;
      if (!this.#killed) onUnexpectedEnd({ name, code, signal, said });
      void sleep(RESTART_MS).then(() => {
        if (this.#wanted && this.#child === undefined) this.#spawn();
      });
    });
    onStart?.();
  }
}
