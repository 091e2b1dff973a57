// The writing thread: a sync to disk can take long, and the host's event loop must not wait for it.
import type { DatabaseSync } from 'node:sqlite';
import {
  parentPort,
  receiveMessageOnPort,
  workerData,
  type MessagePort,
} from 'node:worker_threads';
import { TocsinError } from '../../../domain/core/errors.ts';
import { openSqlite } from '../../sqlite/open.ts';
import { engine } from './engine.ts';
import { decodeGroup, type StoredAppend } from './group.ts';
import {
  isWriterSettings,
  packAnswers,
  type FromWriter,
  type ToWriter,
  type WriterSettings,
} from './protocol.ts';
import { STORE_FORMAT } from './schema.ts';
import { upkeepOf } from './upkeep.ts';

/** The most bytes of one transaction, before the append that exceeds it. */
const GROUP_BYTES = 8 * 1024 * 1024;

/** Index pages change often: a longer WAL writes them to the file less often. */
const CHECKPOINT_PAGES = 4_000;
const CACHE_KIB = 24 * 1024;

function main(port: MessagePort, settings: WriterSettings): void {
  const send = (message: FromWriter): void => {
    port.postMessage(message);
  };
  const db = openOrReport(settings, send);
  if (db === undefined) return;
  const { commit, remove } = engine(db, settings.rememberIds);
  const upkeep = upkeepOf(db, remove);

  port.on('message', (first: ToWriter) => {
    const group: StoredAppend[] = [];
    let bytes = 0;
    let message: ToWriter | undefined = first;
    while (message?.kind === 'append') {
      group.push(...decodeGroup(message.group));
      bytes += message.group.length;
      // Appends that arrived during the last sync share the next one.
      message = bytes < GROUP_BYTES ? nextOf(port) : undefined;
    }
    if (group.length > 0) {
      const results = commit(group);
      const answers = results.flatMap((result, i) => {
        const append = group[i];
        return append === undefined ? [] : [{ n: append.n, result }];
      });
      send({ kind: 'answers', ...packAnswers(answers) });
    }
    if (message?.kind === 'upkeep') {
      send({ kind: 'upkeep', n: message.n, result: upkeep(message.work) });
    }
    if (message?.kind === 'close') {
      db.close();
      port.close();
    }
  });
  send({ kind: 'ready' });
}

function openOrReport(
  settings: WriterSettings,
  send: (message: FromWriter) => void,
): DatabaseSync | undefined {
  try {
    const db = openSqlite(settings.file, STORE_FORMAT);
    db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}`);
    if (settings.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${settings.maxPages}`);
    return db;
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    const { kind, code, message, hint } = error;
    send({ kind: 'failed', error: { kind, code, message, hint } });
    return undefined;
  }
}

function nextOf(port: MessagePort): ToWriter | undefined {
  const received: { message: ToWriter } | undefined = receiveMessageOnPort(port);
  return received?.message;
}

const settings: unknown = workerData;
if (parentPort !== null && isWriterSettings(settings)) main(parentPort, settings);
