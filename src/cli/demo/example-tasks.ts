// The example calendar: the first start copies it to the task folder, with its times moved to now.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Instant } from '../../domain/core/instants.ts';
import { packageFile } from '../config/package-files.ts';

/** The default task folder of `tocsin start`. */
export const exampleFolder = (): string => resolve('var/tasks');

const SECOND = 1000;

/** Creates the folder if it is missing, with the example calendar if `withExample`. */
export function ensureExampleFolder(now: Instant, withExample: boolean): void {
  const folder = exampleFolder();
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = fileURLToPath(packageFile('examples/tasks.ics'));
  if (!withExample || !existsSync(file)) return;
  const calendar = beginningAt(readFileSync(file, 'utf8'), now);
  writeFileSync(join(folder, 'example.ics'), calendar, { mode: 0o600 });
}

/** The calendar with all UTC times moved so that it begins now. */
export function beginningAt(calendar: string, now: Instant): string {
  const begins = /^X-TOCSIN-EXAMPLE-BEGINS:(\d{8}T\d{6}Z)/m.exec(calendar)?.[1];
  if (begins === undefined) return calendar;
  const by = Math.ceil(now / SECOND) * SECOND - parse(begins);
  return calendar.replaceAll(/\b\d{8}T\d{6}Z\b/g, (time) => format(parse(time) + by));
}

function parse(text: string): number {
  return Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function format(at: number): string {
  return new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
}
