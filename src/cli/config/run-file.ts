// `var/run.json`: the addresses and settings of a running `start`, for commands in other terminals, with the credentials of
// its own servers. Secrets that it was given are named, and not told. Only its owner may read the file.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { tryParseJson } from '../../domain/core/json.ts';
import { SECRETS, SHARED_SETTINGS } from './settings.ts';

/** What a start keeps to itself: secrets, and addresses with credentials. */
const WITHHELD = [...SECRETS, 'store', 'nats'] as const;

const RunSchema = z.object({
  pid: z.int().positive(),
  store: z.string(),
  /** The file of its own embedded store. */
  storeFile: z.string().optional(),
  nats: z.string(),
  /** True when the address of NATS has the credentials. */
  ownNats: z.boolean().optional(),
  http: z.string(),
  /** What the start was told. */
  settings: z.partialRecord(z.enum(SHARED_SETTINGS), z.string()).default({}),
  withheld: z.array(z.enum(WITHHELD)).default([]),
  /** The origin that replaces Feishu. */
  receiver: z.string().optional(),
});

export type RunFile = z.infer<typeof RunSchema>;

const path = (): string => resolve('var/run.json');

/** The addresses of the `start` that runs in this folder; `undefined` when none runs. */
export function readRunFile(): RunFile | undefined {
  let text: string;
  try {
    text = readFileSync(path(), 'utf8');
  } catch {
    // No file: no `start` is running.
    return undefined;
  }
  const parsed = RunSchema.safeParse(tryParseJson(text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
}

/** Writes the file atomically. It has credentials of the servers of this start only: they end with it. */
export function writeRunFile(run: RunFile): void {
  const draft = `${path()}.${process.pid}`;
  // A draft of a killed process could have other rights.
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(run)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(draft, path());
}

export function removeRunFile(): void {
  rmSync(path(), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
