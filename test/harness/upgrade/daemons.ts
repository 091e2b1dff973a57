// Commands and daemons of two versions on one store and one NATS server.
import { spawn, type ChildProcess } from 'node:child_process';
import { z } from 'zod';
import { until } from '../../support/until.ts';
import type { Version } from './versions.ts';

export type Settings = Readonly<Record<string, string>>;

export type Daemon = {
  /** SIGTERM, after which it must end with 0. */
  readonly stop: () => Promise<void>;
  /** SIGKILL. */
  readonly kill: () => Promise<void>;
  readonly said: () => string;
  /** What its health page says. */
  readonly ready: () => Promise<Health | undefined>;
};

const HealthSchema = z.looseObject({ ready: z.boolean(), role: z.string().optional() });
export type Health = z.infer<typeof HealthSchema>;

const running = new Set<ChildProcess>();

/** Ends every daemon that still runs. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs a command with `--json` to its end. @throws when it prints no document, or ends with another code than 0 */
export async function command(
  { name, main }: Version,
  settings: Settings,
  args: readonly string[],
  input = '',
): Promise<unknown> {
  const child = spawn(process.execPath, [main, ...args, '--json'], { env: environment(settings) });
  const said = collect(child);
  child.stdin.end(input);
  const code = await new Promise<number | null>((ended) => child.once('close', ended));
  if (code === 0) return JSON.parse(said.stdout());
  throw new Error(`${name}: tocsin ${args.join(' ')} ended with ${code}: ${said.all()}`);
}

/** Starts a daemon, and waits until it says that it is up. */
export async function daemon(
  { name, main }: Version,
  settings: Settings,
  args: readonly string[],
  up: RegExp,
): Promise<Daemon> {
  const child = spawn(process.execPath, [main, ...args], { env: environment(settings) });
  running.add(child);
  const said = collect(child);
  let code: number | null | undefined;
  child.once('close', (ended) => {
    running.delete(child);
    code = ended ?? -1;
  });
  const what = `${name}: tocsin ${args.join(' ')}`;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null | undefined> => {
    child.kill(signal);
    await until(`the end of ${what}`, () => code !== undefined);
    return code;
  };
  await until(`${what} to be up`, () => {
    if (code !== undefined) throw new Error(`${what} ended with ${code}: ${said.all()}`);
    return up.test(said.all());
  });
  return {
    said: said.all,
    async stop() {
      const ended = await end('SIGTERM');
      if (ended !== 0) throw new Error(`${what} ended with ${ended}: ${said.all()}`);
    },
    async kill() {
      await end('SIGKILL');
    },
    async ready() {
      const [, http] = /"http":"(http:[^"]+)"/.exec(said.all()) ?? [];
      if (http === undefined) return undefined;
      const answer = await fetch(`${http}/health/ready`).catch(() => undefined);
      return answer && HealthSchema.parse(await answer.json());
    },
  };
}

function environment(settings: Settings): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, NODE_OPTIONS: '--disable-warning=ExperimentalWarning', ...settings };
}

function collect(child: ChildProcess) {
  const parts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      parts[name] += text;
    });
  }
  return { stdout: () => parts.stdout, all: () => parts.stdout + parts.stderr };
}
