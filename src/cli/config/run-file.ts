// `var/run.json`: what a running `start` tells commands in other terminals.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { tryParseJson } from '../../domain/core/json.ts';

const RunSchema = z.object({
  pid: z.int().positive(),
  store: z.string(),
  nats: z.string(),
  http: z.string(),
  /** Absent: at once. */
  evaluation: z.literal('later').optional(),
  /** What stands in for Feishu. */
  receiver: z.string().optional(),
});

export type RunFile = z.infer<typeof RunSchema>;

const path = (): string => resolve('var/run.json');

/** Where a `start` in this folder has its things; `undefined` when none is running. */
export function readRunFile(): RunFile | undefined {
  let text: string;
  try {
    text = readFileSync(path(), 'utf8');
  } catch {
    // No file: nobody is running.
    return undefined;
  }
  const parsed = RunSchema.safeParse(tryParseJson(text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
}

/** Written whole or not at all; holds no secret. */
export function writeRunFile(run: RunFile): void {
  const draft = `${path()}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(run)}\n`, { mode: 0o600 });
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
    // EPERM: it is there, and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
