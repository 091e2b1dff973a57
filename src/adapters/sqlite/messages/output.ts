// An output in a SQLite file, for one machine without a broker. The fence is the transaction that stores the messages.
import { resolve } from 'node:path';
import { randomUUID } from 'node:crypto';
import {
  OutputError,
  type Output,
  type OutputFailure,
  type OutputInfo,
  type OutputSession,
} from '../../../projections/output.ts';
import type { MessageReader } from '../../../projections/audit/reading/ports.ts';
import { openMessageFile, type MessageFile } from './message-file.ts';

export type SqliteMessagesOptions = {
  /** The file; it and its directory are made if missing. Output, inbox and reader of one kernel name the same. */
  readonly file: string;
  /** The name of the stream, as the log records it. Default `messages`. */
  readonly stream?: string;
};

export const DEFAULT_STREAM = 'messages';

/** Messages read at once. */
const PAGE = 512;

/**
 * The output for a process that needs no broker: messages go into a SQLite file, and {@link sqliteInbox} delivers
 * them. Several processes of one machine may open the file; each message is stored once. A commit survives a power cut.
 *
 * @throws TocsinError when it connects: `file_foreign`, `file_newer`, `file_damaged`, `file_unusable`
 */
export function sqliteOutput({ file, stream = DEFAULT_STREAM }: SqliteMessagesOptions): Output {
  const path = resolve(file);
  return {
    stream,
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous, SQLite is not
    async connect(signal) {
      signal?.throwIfAborted();
      return sessionOn(openMessageFile(path), stream);
    },
  };
}

/** Reads the messages of {@link sqliteOutput}, for audits. */
export function sqliteMessageReader({
  file,
  stream = DEFAULT_STREAM,
}: SqliteMessagesOptions): MessageReader & Disposable {
  const messages = openMessageFile(resolve(file));
  return {
    info: () => Promise.resolve(infoOf(messages, stream)),
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous, SQLite is not
    async *messages(from, to) {
      for (let next = from; next <= to;) {
        const page = messages.range(next, to, PAGE);
        const last = page.at(-1);
        if (last === undefined) return;
        yield page;
        next = last.sequence + 1n;
      }
    },
    [Symbol.dispose]: () => {
      messages[Symbol.dispose]();
    },
  };
}

function infoOf(messages: MessageFile, stream: string): OutputInfo | undefined {
  const info = messages.info();
  return info && { stream, ...info, faults: [], warnings: [] };
}

function sessionOn(messages: MessageFile, stream: string): OutputSession {
  let ended: OutputError | undefined;
  /** The last sequence of calls whose promise is not resolved yet. */
  let pendingTo: bigint | undefined;
  const end = (failure: OutputFailure, cause?: unknown): OutputError => {
    ended ??= new OutputError(failure, { cause });
    messages[Symbol.dispose]();
    return ended;
  };
  const using = async <T>(work: () => T): Promise<T> => {
    await Promise.resolve();
    if (ended !== undefined) throw ended;
    try {
      return work();
    } catch (error) {
      if (error instanceof OutputError) throw error;
      throw end(
        { kind: 'unavailable', message: `the message file failed: ${messageOf(error)}` },
        error,
      );
    }
  };
  const failureAt = (first: bigint): OutputFailure | undefined => {
    if (first < 1n) return { kind: 'rejected', message: `sequence ${first} is not a sequence` };
    if (pendingTo === undefined || first === pendingTo + 1n) return undefined;
    const message = `publishing at ${first} while ${pendingTo} is the last pending`;
    return { kind: 'rejected', message };
  };
  /** Stores at the time of the call, so that overlapping calls keep their order. */
  const store: OutputSession['publish'] = async (first, list) => {
    if (ended !== undefined) throw ended;
    if (list.length === 0) return;
    const failure = failureAt(first);
    if (failure !== undefined) throw end(failure);
    try {
      const last = messages.store(first, list);
      if (last === undefined) {
        throw end({ kind: 'unavailable', message: 'the message file has no stream yet' });
      }
      if (last !== first - 1n) {
        const message = `message ${first} was refused: the last sequence is ${last}`;
        throw end({ kind: 'fenced', message });
      }
    } catch (error) {
      if (error instanceof OutputError) throw error;
      throw end({ kind: 'unavailable', message: `nothing was stored: ${messageOf(error)}` }, error);
    }
    pendingTo = first + BigInt(list.length) - 1n;
    const mine = pendingTo;
    await Promise.resolve();
    if (pendingTo === mine) pendingTo = undefined;
  };
  return {
    info: () => using(() => infoOf(messages, stream)),
    create: (description) =>
      using(() => {
        messages.create(`${new Date().toISOString()} ${randomUUID()}`, description);
        const info = infoOf(messages, stream);
        if (info?.description === description) return info;
        throw new OutputError({
          kind: 'rejected',
          message: 'the message file is in use by another log',
        });
      }),
    read: (sequence) => using(() => messages.read(sequence)),
    publish(first, list) {
      const published = store(first, list);
      // A rejection that no caller awaits must not end the process.
      published.catch(() => undefined);
      return published;
    },
    [Symbol.asyncDispose]() {
      end({ kind: 'unavailable', message: 'the session was closed' });
      return Promise.resolve();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
