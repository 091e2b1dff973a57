// A task source of files: iCalendar and NDJSON files are read at the start and again when they change.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { watch } from 'chokidar';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { TaskSource } from '../task-source.ts';
import { inSlices } from './in-slices.ts';
import { createFileReader, MAX_DEPTH, type TaskFilesSnapshot } from './read-files.ts';
import { createTaskTable } from './task-table.ts';

export type TaskFilesOptions = {
  /** An `.ics` or `.ndjson` file or a folder of them; a subfolder's name is the user of its files. */
  readonly path: string;
  /** The user of entries that name none. */
  readonly user?: string | undefined;
  /** The IANA time zone of times without one. Default `UTC`. */
  readonly timeZone?: string | undefined;
  /** How many milliseconds before DUE a task without VALARM becomes urgent. Default 24 hours. */
  readonly urgencyLeadMs?: number | undefined;
  /** Read files again when they change. Default true. */
  readonly watch?: boolean;
  /** The clock; recurring entries are expanded around its time. */
  readonly now: () => Instant;
  readonly logger?: Logger;
};

export type TaskFiles = TaskSource &
  AsyncDisposable & {
    readonly snapshot: () => TaskFilesSnapshot;
    /** Reads everything again now. */
    readonly reload: () => Promise<void>;
  };

/** Recurring entries are expanded eight days ahead, so an hourly read is enough. */
const REFRESH_MS = 60 * 60_000;
/** A changed file is read when its size is stable for this long. */
const QUIET_MS = 100;
const DEFAULT_LEAD_MS = 24 * 60 * 60_000;

/** Opens a task source of files and reads them once. @throws TocsinError `usage` when there are no such files */
export async function openTaskFiles(options: TaskFilesOptions): Promise<TaskFiles> {
  const { logger = silentLogger } = options;
  const root = resolve(options.path);
  await assertTasksExist(root);
  const table = createTaskTable();
  const { user, timeZone = 'UTC', urgencyLeadMs = DEFAULT_LEAD_MS } = options;
  const reader = createFileReader(root, { user, timeZone, urgencyLeadMs });
  let snapshot = await reader.read(options.now());
  table.replace(snapshot);
  let lastReload: Promise<void> = Promise.resolve();

  const reload = (): Promise<void> => {
    // In sequence, so that an earlier read does not replace a later one.
    const next = lastReload.then(async () => {
      snapshot = await reader.read(options.now());
      await inSlices(table.replaceInParts(snapshot));
      const { files, imported, failed } = snapshot;
      logger.info({ files, imported, failed }, 'tasks were read');
    });
    lastReload = next.catch((error: unknown) => {
      logger.error({ err: error }, 'tasks could not be read; the last read stays');
    });
    return next;
  };
  const reloadSoon = (): void => {
    void reload().catch(() => undefined);
  };

  const watcher =
    options.watch === false
      ? undefined
      : watch(root, {
          ignoreInitial: true,
          depth: MAX_DEPTH,
          followSymlinks: false,
          awaitWriteFinish: { stabilityThreshold: QUIET_MS, pollInterval: 25 },
        });
  watcher?.on('all', reloadSoon).on('error', (error) => {
    logger.error({ err: error }, 'tasks are no longer watched; they are read once an hour');
  });
  if (watcher !== undefined) {
    await new Promise<void>((ready) => watcher.once('ready', ready));
  }
  const timer = setInterval(reloadSoon, REFRESH_MS);
  timer.unref();

  /** @throws TocsinError for a row that may be in a file that could not be read yet */
  const orUnknown = <T>(row: T | undefined): T | undefined => {
    const [file] = reader.unread();
    if (row !== undefined || file === undefined) return row;
    const hint = 'Repair or remove the file; `tocsin jobs import` shows what is wrong with it.';
    const message = `the file ${file} cannot be read, and the entry may be in it`;
    throw new TocsinError('unavailable', 'tasks_unreadable', message, { hint });
  };

  return {
    task: async (userId, taskId) => orUnknown(await table.task(userId, taskId)),
    block: async (userId, blockId) => orUnknown(await table.block(userId, blockId)),
    blocks: table.blocks,
    changes: table.changes,
    snapshot: () => snapshot,
    reload,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await watcher?.close();
      await lastReload;
    },
  };
}

/** @throws TocsinError `usage` when there is no such file or folder */
export async function assertTasksExist(root: string): Promise<void> {
  try {
    await stat(root);
  } catch (cause) {
    const hint = 'Name an .ics or .ndjson file, or a folder of such files.';
    const message = `there is no file or folder ${root}`;
    throw new TocsinError('usage', 'tasks_not_found', message, { hint, cause });
  }
}
