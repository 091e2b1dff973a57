// A projector in a process of its own, beside the writer of the embedded log: it only reads the log, as
// a projector on a remote event store does. node projector-process.ts STORE STATE NATS [standby]
//
// Prints a line of JSON whenever its role or its position changes, and what it logs.
import { fileLog } from '../../src/adapters/eventstore/embedded/log.ts';
import { readAllPages, readStreamPages } from '../../src/adapters/eventstore/common/reading.ts';
import { commitSignal, subscription } from '../../src/adapters/eventstore/common/subscription.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { Logger } from '../../src/domain/ports/logger.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';

const lookEveryMs = 20;

const [storeFile = '', stateFile = '', nats = '', role] = process.argv.slice(2);

const say = (document: object): void => {
  process.stdout.write(`${JSON.stringify(document)}\n`);
};
const logger: Logger = {
  debug: () => undefined,
  info: (fields, message) => {
    say({ message, ...fields });
  },
  warn: (fields, message) => {
    say({ message, ...fields });
  },
  error: (fields, message) => {
    say({ message, ...fields });
  },
};

const log = fileLog(storeFile);
const commits = commitSignal();
setInterval(commits.notify, lookEveryMs);
const store: EventStore = {
  append: () => {
    throw new Error('this process only reads the log');
  },
  readStream: (stream, options) => readStreamPages(log, stream, options),
  readAll: (options) => readAllPages(log, options),
  subscribeAll: (options) => subscription({ log, commits }, options),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

const stop = new AbortController();
process.on('SIGTERM', () => {
  stop.abort();
});
using state = sqliteReadModel({ file: stateFile });
const output = jetStreamOutput({ servers: nats });
const projector = openProjector({ store, state, output, logger });
let last = '';
setInterval(() => {
  const { role: now, outputSequence, caughtUp, phase } = projector.status();
  const text = JSON.stringify({ role: now, sequence: Number(outputSequence), caughtUp, phase });
  if (text !== last) process.stdout.write(`${text}\n`);
  last = text;
}, lookEveryMs).unref();
await projector.run(stop.signal, { standby: role === 'standby' });
process.exit(0);
