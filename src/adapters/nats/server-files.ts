// Finds the binary of nats-server, and a running server by its pid file. The file has pid and command line, because
// the system uses pids again.
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';

/** The folders of packages and Homebrew, searched after `PATH`. */
const usualFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** After SIGTERM a server syncs its files; after this time it is killed. */
const stopTimeoutMs = 10_000;
const pollMs = 20;

const pidFileSchema = z.object({
  pid: z.number().int().positive(),
  port: z.number().int().positive(),
  storeDir: z.string().min(1),
  startedAt: z.string(),
});

/** A running nats-server that an earlier process started. */
export type RunningServer = z.infer<typeof pidFileSchema>;

/** Searches `TOCSIN_NATS_SERVER`, then `PATH`, then the usual folders. @throws TocsinError (`usage`) when not found */
export function findNatsServer(env: NodeJS.ProcessEnv = process.env): string {
  const configured = env['TOCSIN_NATS_SERVER'] ?? '';
  const path = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates =
    configured === ''
      ? [...path, ...usualFolders].map((folder) => join(folder, 'nats-server'))
      : [configured];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new TocsinError('usage', 'nats_server_not_found', 'nats-server is not installed.', {
    hint: 'Install nats-server, name it in TOCSIN_NATS_SERVER, or use a running one with --nats.',
  });
}

export async function writePidFile(path: string, server: RunningServer): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(server)}\n`, { mode: 0o600 });
  await rename(draft, path);
}

/** The server that a pid file names, if that process still runs nats-server with the store of the file. */
export async function findLeftover(pidFile: string): Promise<RunningServer | undefined> {
  let text: string;
  try {
    text = await readFile(pidFile, 'utf8');
  } catch {
    // Without a pid file there is no server.
    return undefined;
  }
  const { data: server } = pidFileSchema.safeParse(tryParseJson(text));
  return server !== undefined && (await isOurs(server)) ? server : undefined;
}

/** Stops a server that an earlier, killed process left running, and removes the pid file. @returns the server */
export async function stopLeftover(pidFile: string): Promise<RunningServer | undefined> {
  const server = await findLeftover(pidFile);
  if (server !== undefined) await endProcess(server.pid, untilGone(server));
  await rm(pidFile, { force: true });
  return server;
}

/** Sends SIGTERM, and SIGKILL after 10 s. */
export async function endProcess(pid: number, ended: Promise<void>): Promise<void> {
  // A stopped process (SIGSTOP) would not see SIGTERM.
  signalProcess(pid, 'SIGCONT');
  signalProcess(pid, 'SIGTERM');
  const killer = setTimeout(() => {
    signalProcess(pid, 'SIGKILL');
  }, stopTimeoutMs);
  await ended;
  clearTimeout(killer);
}

async function untilGone(server: RunningServer): Promise<void> {
  while (await isOurs(server)) await sleep(pollMs);
}

/** Sends a signal; does nothing when the process has ended. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function isOurs({ pid, storeDir }: RunningServer): Promise<boolean> {
  const line = await commandLine(pid);
  return (
    basename(line[0] ?? '').startsWith('nats-server') && line[line.indexOf('-sd') + 1] === storeDir
  );
}

/** A process's arguments; empty when it is gone or a zombie. */
async function commandLine(pid: number): Promise<readonly string[]> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    }
    const options = ['-ww', '-o', 'command=', '-p', String(pid)];
    const { stdout } = await promisify(execFile)('ps', options);
    // `ps` joins the arguments with blanks; the fixed order of server.ts separates the store again.
    const parts = /^(.*?nats-server\S*) .*?-sd (.*?) -a /.exec(stdout.trim());
    return parts === null ? [] : [parts[1] ?? '', '-sd', parts[2] ?? ''];
  } catch {
    // No such process.
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // The caller tries the next path.
    return false;
  }
}
