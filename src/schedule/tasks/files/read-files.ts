// Reads all files of a task source, and keeps what it knows of a file that cannot be read any more.
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';
import { IdSchema } from '../../../domain/core/identity.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import {
  fileProblem,
  readCalendarEntries,
  type CalendarEntries,
  type CalendarOptions,
  type FileRows,
} from '../ical/calendar.ts';
import type { CalendarEntry } from '../ical/entry.ts';
import { rowsOf } from '../ical/rows.ts';
import type { ScheduledBlock, Task } from '../task-source.ts';
import { inSlices } from './in-slices.ts';
import { readTaskLines } from './task-lines.ts';

const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 10_000;
export const MAX_DEPTH = 3;
const MAX_PROBLEMS = 1_000;
const EXTENSIONS: ReadonlySet<string> = new Set(['.ics', '.ical', '.ifb', '.ndjson', '.jsonl']);

/** What a file holds: the entries of a calendar, or the rows of NDJSON lines. */
type FileContent =
  ({ readonly kind: 'calendar' } & CalendarEntries) | ({ readonly kind: 'lines' } & FileRows);

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

export type FileReader = {
  /** Reads all files in slices; `now` is where recurring entries are expanded around. */
  readonly read: (now: Instant) => Promise<TaskFilesSnapshot>;
  /** Files that could not be read since they are known: what they hold is unknown. */
  readonly unread: () => readonly string[];
};

export function createFileReader(
  root: string,
  options: Omit<CalendarOptions, 'folderUser'>,
): FileReader {
  let known: ReadonlyMap<string, FileContent> = new Map();
  let unread: readonly string[] = [];
  return {
    unread: () => unread,
    async read(now) {
      const contents = new Map<string, FileContent>();
      const withoutContent: string[] = [];
      const problems: EntryProblem[] = [];
      let [ignored, failed] = [0, 0];
      const report = (found: readonly EntryProblem[]): void => {
        failed += found.length;
        problems.push(...found.slice(0, MAX_PROBLEMS - problems.length));
      };
      const files = await filesUnder(root);
      for (const file of files) {
        const before = known.get(file);
        const path = relative(process.cwd(), file);
        const name = path.startsWith('..') ? file : path;
        try {
          const found = await readOne(root, file, name, options);
          report(found.problems);
          ignored += found.kind === 'calendar' ? found.ignored : found.counts.ignored;
          contents.set(file, withKept(found, before));
        } catch (error) {
          report([fileProblem(name, unreadable(error))]);
          // A file that is broken now calls nothing off.
          if (before === undefined) withoutContent.push(name);
          else contents.set(file, before);
        }
      }
      [known, unread] = [contents, withoutContent];
      const rows = await inSlices(rowsOf(calendarEntries(contents), now));
      report(rows.problems);
      const [tasks, blocks] = [[...rows.tasks], [...rows.blocks]];
      let { imported } = rows.counts;
      for (const content of contents.values()) {
        if (content.kind !== 'lines') continue;
        for (const task of content.tasks) tasks.push(task);
        for (const block of content.blocks) blocks.push(block);
        imported += content.counts.imported;
      }
      ignored += rows.counts.ignored;
      return { files: files.length, imported, ignored, failed, tasks, blocks, problems };
    },
  };
}

function* calendarEntries(
  contents: ReadonlyMap<string, FileContent>,
): Generator<CalendarEntry, void, undefined> {
  for (const content of contents.values()) {
    if (content.kind === 'calendar') yield* content.entries;
  }
}

/** A file whose end is missing, or whose lines are all broken, keeps the entries that it had. */
function withKept(found: FileContent, before: FileContent | undefined): FileContent {
  if (found.kind === 'calendar' && found.isCut && before?.kind === 'calendar') {
    const read = new Set(found.entries.map(keyOf));
    const kept = before.entries.filter((entry) => !read.has(keyOf(entry)));
    return { ...found, entries: [...found.entries, ...kept] };
  }
  if (found.kind === 'lines' && before?.kind === 'lines') {
    const { imported, failed } = found.counts;
    if (imported === 0 && failed > 0) return before;
  }
  return found;
}

function keyOf({ kind, userId, uid, recurrenceId }: CalendarEntry): string {
  return `${kind} ${userId} ${uid} ${recurrenceId?.local ?? ''}`;
}

async function readOne(
  root: string,
  file: string,
  name: string,
  options: Omit<CalendarOptions, 'folderUser'>,
): Promise<FileContent> {
  const { size } = await stat(file);
  if (size > MAX_FILE_BYTES) {
    const message = `is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`;
    throw new EntryError('file_too_large', message);
  }
  if (/^\.(?:ndjson|jsonl)$/.test(extname(file).toLowerCase())) {
    return { kind: 'lines', ...(await readTaskLines(name, createReadStream(file))) };
  }
  const bytes = await readFile(file);
  const about = { ...options, folderUser: folderUser(root, file) };
  return { kind: 'calendar', ...(await inSlices(readCalendarEntries(name, bytes, about))) };
}

function unreadable(error: unknown): Pick<EntryProblem, 'code' | 'message'> {
  if (error instanceof EntryError) return { code: error.code, message: error.message };
  const why = error instanceof Error ? error.message : String(error);
  return { code: 'unreadable', message: `cannot be read: ${why}` };
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
