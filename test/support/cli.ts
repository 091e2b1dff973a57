// Runs the command line as real processes in a temporary folder. After a test no process is left, also not the
// nats-server of a killed `start`.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { until, untilStalled } from './until.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** The end and the output of a process. */
export type CliResult = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A clean end; stderr may only have the remark about a slow stop. */
export const QUIET_END = {
  code: 0,
  stderr: expect.stringMatching(/^(Finishing the work in flight.*\n)?$/) as string,
};

export type CliOptions = {
  /** Added to a clean environment without the settings of the user. */
  readonly env?: Readonly<Record<string, string>>;
  /** The input; absent: stdin is empty. */
  readonly input?: string | Buffer;
  /** Leaves stdin open for `write`. */
  readonly open?: true;
  readonly timeoutMs?: number;
};

/** A running process. */
export type CliProcess = {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly write: (text: string) => void;
  readonly endInput: () => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly isOver: () => boolean;
  /** Resolves at the end of the process; rejects when it prints nothing for the timeout, by default a minute. */
  readonly ended: (timeoutMs?: number) => Promise<CliResult>;
  /** The first match in the output of either stream; rejects if the process ends without one. */
  readonly says: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>;
};

export type Cli = AsyncDisposable & {
  readonly folder: string;
  readonly path: (...parts: readonly string[]) => string;
  /** Runs a command to its end. */
  readonly run: (args: readonly string[], options?: CliOptions) => Promise<CliResult>;
  /** Runs a command with `--json`, and parses its one document. */
  readonly json: (args: readonly string[], options?: CliOptions) => Promise<JsonResult>;
  /**
   * As `json`, but in this process, because to start a process takes longer than most commands. Run only one at
   * a time.
   */
  readonly call: (
    args: readonly string[],
    options?: Pick<CliOptions, 'env'>,
  ) => Promise<JsonResult>;
  /** As `call`, with the output for people. */
  readonly text: (args: readonly string[], options?: Pick<CliOptions, 'env'>) => Promise<CliResult>;
  readonly start: (args: readonly string[], options?: CliOptions) => CliProcess;
  /** Processes whose command line names this folder, such as a nats-server. */
  readonly strays: () => readonly number[];
};

export type JsonResult = CliResult & { readonly document: unknown };

/** A temporary folder to run commands in. */
export function testCli(): Cli {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tocsin-cli-')));
  const running = new Set<ChildProcess>();

  const start = (args: readonly string[], options: CliOptions = {}): CliProcess => {
    const { env = {}, input, open } = options;
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    // A process that has ended does not read; the test checks its end.
    child.stdin.on('error', () => undefined);
    if (open !== true) child.stdin.end(input ?? '');
    return processOf(child, args.join(' '));
  };

  const run = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    start(args, options).ended(options.timeoutMs);

  const strays = (): readonly number[] => processesNaming(folder);

  return {
    folder,
    path: (...parts) => join(folder, ...parts),
    start,
    run,
    async json(args, options) {
      const result = await run([...args, '--json'], options);
      return { ...result, document: onlyDocument(result, args) };
    },
    async call(args, { env = {} } = {}) {
      const result = await callHere(folder, [...args, '--json'], env);
      return { ...result, document: onlyDocument(result, args) };
    },
    text: (args, { env = {} } = {}) => callHere(folder, args, env),
    strays,
    async [Symbol.asyncDispose]() {
      for (const child of running) child.kill('SIGKILL');
      await until('the processes to end', () => running.size === 0);
      for (const pid of strays()) process.kill(pid, 'SIGKILL');
      await until('the strays to end', () => strays().length === 0);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

let isCalling = false;

/** A function, because the code changes during an await. */
function exitCode(): number {
  return Number(process.exitCode ?? 0);
}

/** Changes folder, environment, output and exit code of this process, and restores them afterwards. */
async function callHere(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<CliResult> {
  if (isCalling) throw new Error(`${args.join(' ')}: another call is under way; use a process`);
  isCalling = true;
  const said = { stdout: '', stderr: '' };
  const own = { cwd: process.cwd(), env: process.env, exitCode: process.exitCode };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += String(text);
      return true;
    }),
  );
  process.chdir(folder);
  process.env = { ...cleanEnvironment(), ...env };
  process.exitCode = undefined;
  try {
    await runCommandLine(args);
    return { code: exitCode(), signal: null, ...said };
  } finally {
    process.chdir(own.cwd);
    process.env = own.env;
    process.exitCode = own.exitCode;
    for (const spy of spies) spy.mockRestore();
    isCalling = false;
  }
}

function processOf(child: ChildProcess, what: string): CliProcess {
  const { stdin, pid = 0 } = child;
  const said: { stdout: string; stderr: string } = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  let result: CliResult | undefined;
  child.once('close', (code, signal) => {
    result = { code, signal, ...said };
  });
  const transcript = (): string => `${what}\n${said.stdout}\n${said.stderr}`;
  return {
    pid,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    write: (text) => {
      stdin?.write(text);
    },
    endInput: () => {
      stdin?.end();
    },
    kill: (signal) => {
      child.kill(signal);
    },
    isOver: () => result !== undefined,
    async ended(timeoutMs) {
      try {
        const printed = (): number => said.stdout.length + said.stderr.length;
        return await untilStalled('its end', printed, () => result, timeoutMs);
      } catch (cause) {
        throw new Error(`it has not ended: ${transcript()}`, { cause });
      }
    },
    async says(pattern, timeoutMs) {
      try {
        return await until(
          String(pattern),
          () => {
            const match = pattern.exec(said.stdout) ?? pattern.exec(said.stderr);
            if (match === null && result !== undefined) throw new Error(`exit ${result.code}`);
            return match ?? undefined;
          },
          timeoutMs,
        );
      } catch (cause) {
        throw new Error(`it has not said ${String(pattern)}: ${transcript()}`, { cause });
      }
    },
  };
}

/** With `--json` stdout holds one document and nothing else. */
function onlyDocument({ stdout, stderr, code }: CliResult, args: readonly string[]): unknown {
  try {
    return JSON.parse(stdout);
  } catch (cause) {
    const what = `${args.join(' ')} (exit ${code}) printed no single JSON document`;
    throw new Error(`${what}:\n${stdout}\n${stderr}`, { cause });
  }
}

function cleanEnvironment(): Record<string, string> {
  // Compiling takes half of the time of a short command, so the processes share a compile cache.
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TOCSIN_NATS_SERVER', 'NODE_COMPILE_CACHE'];
  const env: Record<string, string> = { NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function processesNaming(text: string): readonly number[] {
  return execFileSync('ps', ['-axww', '-o', 'pid=,stat=,command='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, pid, state = '', command = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      const isDead = state.startsWith('Z');
      return pid !== undefined && !isDead && command.includes(text) ? [Number(pid)] : [];
    });
}
