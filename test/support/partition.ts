// One partition as an operator has it: a folder with the command line, a NATS server, a log and a stream.
import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import { z } from 'zod';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { embeddedReader, embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { testCli, type Cli, type JsonResult } from './cli.ts';
import { rawStream, type RawStream } from './jetstream.ts';
import { testNatsServer, type TestNatsServer } from './nats-server.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** An `OutputOpened` of the control stream, with who wrote it. */
export type OpenedOutput = Readonly<Record<string, unknown>>;

export type Partition = AsyncDisposable & {
  readonly cli: Cli;
  readonly nats: TestNatsServer;
  readonly stream: RawStream;
  /** Raises triggers of these users, each of which makes two messages. */
  readonly raise: (from: number, to: number) => Promise<void>;
  /** As `raise`, so many milliseconds ago by the kernel's clock. */
  readonly raiseAgo: (from: number, to: number, ms: number) => Promise<void>;
  /** `project --once`, with further options. */
  readonly project: (...options: readonly string[]) => Promise<JsonResult>;
  /** The same in a process of its own: slower, and any number at once. */
  readonly projectApart: (...options: readonly string[]) => Promise<JsonResult>;
  readonly opened: () => Promise<readonly OpenedOutput[]>;
  /** The users whose messages the stream holds, in its order. */
  readonly users: () => Promise<readonly string[]>;
};

/** A partition on a server of its own. */
export async function testPartition(): Promise<Partition> {
  const cli = testCli();
  const nats = await testNatsServer();
  const stream = await rawStream(nats.url);
  const file = cli.path('var/store.db');
  const raiseAgo: Partition['raiseAgo'] = async (from, to, ms) => {
    await using store = await embeddedStore({ file });
    await using kernel = await openKernel({
      ...scheduleProduct,
      store,
      clock: { now: () => Date.now() - ms },
    });
    for (let user = from; user <= to; user++) {
      await kernel.raise({
        userId: user,
        triggerType: 'important_urgent_task',
        source: 'worker_due_job',
        targetType: 'task_pool',
        targetId: 7,
        requestedAt: '2026-04-30T10:17:42+08:00',
      });
    }
  };

  const projectOnce = (options: readonly string[]): readonly string[] => [
    'project',
    '--once',
    ...(options.includes('--nats') ? [] : ['--nats', nats.url]),
    ...options,
  ];

  return {
    cli,
    nats,
    stream,
    raise: (from, to) => raiseAgo(from, to, 0),
    raiseAgo,
    project: (...options) => cli.call(projectOnce(options)),
    projectApart: (...options) => cli.json(projectOnce(options)),
    async opened() {
      await using log = embeddedReader(file);
      const found: OpenedOutput[] = [];
      for await (const page of log.readStream('tocsin.control', { direction: 'forwards' })) {
        for (const { type, data, metadata } of page) {
          if (type === 'OutputOpened')
            found.push(Object.assign<OpenedOutput, unknown, unknown>({}, data, metadata));
        }
      }
      return found;
    },
    async users() {
      return (await stream.all()).map(({ subject }) => subject.split('.').at(-1) ?? '');
    },
    async [Symbol.asyncDispose]() {
      await stream[Symbol.asyncDispose]();
      await cli[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}

/** Each user twice, as the messages of `raise(from, to)`: the trigger and its notification. */
export function twice(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i)).flatMap((u) => [u, u]);
}

const ErrorSchema = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string() }),
});

/** What a failed command says in its one document. */
export function errorOf({ document }: JsonResult): z.infer<typeof ErrorSchema>['error'] {
  return ErrorSchema.parse(document).error;
}

/** Refused for safety, in one document that says how to go on. */
export function refused(result: JsonResult, code: string, hint: RegExp): void {
  const error = errorOf(result);
  expect([result.code, error.code]).toEqual([4, code]);
  expect(error.hint).toMatch(hint);
}

/** Deletes the read model. */
export function forgetState({ cli }: Partition): void {
  for (const end of ['', '-wal', '-shm', '.lock']) {
    rmSync(cli.path(`var/state.db${end}`), { force: true });
  }
}

/** A partition on which users 1 to 3 are projected: six messages. */
export async function projectedPartition(): Promise<Partition> {
  const partition = await testPartition();
  await partition.raise(1, 3);
  await using store = await embeddedStore({ file: partition.cli.path('var/store.db') });
  using state = sqliteReadModel({ file: partition.cli.path('var/state.db') });
  const output = jetStreamOutput({ servers: partition.nats.url });
  const projector = openProjector({ store, state, output });
  expect(await projector.once()).toMatchObject({ published: 3 });
  return partition;
}

/** The stream's last sequence; `undefined` without a stream. */
export async function lastSequence({ stream }: Partition): Promise<number | undefined> {
  return (await stream.last())?.sequence;
}
