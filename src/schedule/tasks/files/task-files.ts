// A task source of files: iCalendar and NDJSON files are read at the start and again when they change.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, relative, resolve, sep } from 'node:path';
import { watch } from 'chokidar';
import { TocsinError } from '../../../domain/core/errors.ts';
import { IdSchema } from '../../../domain/core/identity.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { ScheduledBlock, Task, TaskSource } from '../task-source.ts';
import { readCalendar } from '../ical/calendar.ts';
import { readTaskLines } from './task-lines.ts';
import { EntryError, type EntryProblem } from '../entry-problem.ts';
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

/** The tasks, blocks and problems of the last read. */
export type TaskFilesSnapshot = {
  readonly files: number;
  readonly imported: number;
  readonly ignored: number;
  readonly failed: number;
  readonly tasks: readonly Task[];
  readonly blocks: readonly ScheduledBlock[];
  /** The first 1,000. */
  readonly problems: readonly EntryProblem[];
};

export type TaskFiles = TaskSource &
  AsyncDisposable & {
    readonly snapshot: () => TaskFilesSnapshot;
    /** Reads everything again now. */
    readonly reload: () => Promise<void>;
  };

const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 10_000;
const MAX_DEPTH = 3;
const MAX_PROBLEMS = 1_000;
/** Recurring entries are expanded eight days ahead, so an hourly read is enough. */
const REFRESH_MS = 60 * 60_000;
/** A changed file is read when its size is stable for this long. */
const QUIET_MS = 100;
const EXTENSIONS: ReadonlySet<string> = new Set(['.ics', '.ical', '.ifb', '.ndjson', '.jsonl']);
const DEFAULT_LEAD_MS = 24 * 60 * 60_000;

/** Opens a task source of files and reads them once. @throws TocsinError `usage` when there are no such files */
export async function openTaskFiles(options: TaskFilesOptions): Promise<TaskFiles> {
  const { logger = silentLogger } = options;
  const root = resolve(options.path);
  await assertTasksExist(root);
  const table = createTaskTable();
  let snapshot = await readAll(root, options);
  table.replace(snapshot);
  let lastReload: Promise<void> = Promise.resolve();

  const reload = (): Promise<void> => {
    // In sequence, so that an earlier read does not replace a later one.
    const next = lastReload.then(async () => {
      snapshot = await readAll(root, options);
      table.replace(snapshot);
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

  return {
    task: table.task,
    block: table.block,
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

async function readAll(root: string, options: TaskFilesOptions): Promise<TaskFilesSnapshot> {
  const tasks: Task[] = [];
  const blocks: ScheduledBlock[] = [];
  const problems: EntryProblem[] = [];
  let [imported, ignored, failed] = [0, 0, 0];
  const files = await filesUnder(root);
  for (const file of files) {
    const name = relative(process.cwd(), file);
    try {
      const rows = await readOne(root, file, name.startsWith('..') ? file : name, options);
      for (const task of rows.tasks) tasks.push(task);
      for (const block of rows.blocks) blocks.push(block);
      problems.push(...rows.problems.slice(0, MAX_PROBLEMS - problems.length));
      imported += rows.counts.imported;
      ignored += rows.counts.ignored;
      failed += rows.counts.failed;
    } catch (error) {
      failed += 1;
      problems.push({ file: name, line: 1, component: 'file', ...unreadable(error) });
    }
  }
  return { files: files.length, imported, ignored, failed, tasks, blocks, problems };
}

async function readOne(root: string, file: string, name: string, options: TaskFilesOptions) {
  const { size } = await stat(file);
  if (size > MAX_FILE_BYTES) {
    const message = `is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`;
    throw new EntryError('file_too_large', message);
  }
  if (/^\.(?:ndjson|jsonl)$/.test(extname(file).toLowerCase())) {
    return readTaskLines(name, createReadStream(file));
  }
  return readCalendar(name, decode(await readFile(file)), options.now(), {
    user: options.user,
    folderUser: folderUser(root, file),
    timeZone: options.timeZone ?? 'UTC',
    urgencyLeadMs: options.urgencyLeadMs ?? DEFAULT_LEAD_MS,
  });
}

function unreadable(error: unknown): Pick<EntryProblem, 'code' | 'message'> {
  if (error instanceof EntryError) return { code: error.code, message: error.message };
  const why = error instanceof Error ? error.message : String(error);
  return { code: 'unreadable', message: `cannot be read: ${why}` };
}

/** Decodes UTF-8 or, by its byte order mark, UTF-16; other bytes as Latin-1, which old programs write. */
function decode(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (!isUtf8(bytes)) return bytes.toString('latin1');
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** The name of the root's subfolder around the file, where it is a valid user id. */
function folderUser(root: string, file: string): string | undefined {
  const parts = relative(root, file).split(sep);
  return IdSchema.safeParse(parts.length > 1 ? parts[0] : undefined).data;
}

async function filesUnder(root: string): Promise<readonly string[]> {
  if ((await stat(root)).isFile()) return [root];
  const found: string[] = [];
  const pending = [{ folder: root, depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await readdir(next.folder, { withFileTypes: true })) {
      const path = join(next.folder, entry.name);
      if (entry.isDirectory() && next.depth < MAX_DEPTH && !entry.name.startsWith('.')) {
        pending.push({ folder: path, depth: next.depth + 1 });
      } else if (entry.isFile() && EXTENSIONS.has(extname(basename(path)).toLowerCase())) {
        if (found.length >= MAX_FILES) return found.sort();
        found.push(path);
      }
    }
  }
  return found.sort();
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
