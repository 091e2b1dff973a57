// Whoever may publish into the stream can send many messages that the projector has not sent. Judging them reads the long
// control stream once, and then only what is new.
import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import { appendControl, readControl } from '../../src/kernel/control/control.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { intakeProcess } from '../../src/kernel/processes/delivery/intake.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import type { Acknowledgement } from '../../src/kernel/processes/delivery/request-queue.ts';
import { NO_COUNTS } from '../../src/projections/dedupe/state.ts';
import { messageKey } from '../../src/projections/message-signature.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { counting } from '../support/counting-store.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';

const POLICIES = 300;
const MESSAGES = 40;

/** A log with a long control stream and one request, which a projection has held back. */
async function heldBack() {
  const counted = counting(memoryStore(), (stream) => stream === 'tocsin.control');
  const { store } = counted;
  const kernel = await openKernel({ ...scheduleProduct, store });
  await raised(kernel, anInput(1));
  const context = { store, kernel: 'tocsin', runtime: systemRuntime() };
  await appendControl(context, () =>
    Array.from({ length: POLICIES }, (_, index) => ({
      type: 'NotificationPolicySet',
      data: {
        triggerType: 'important_urgent_task',
        policy: { kind: 'rolling', axis: 'requestedAt', count: 1, windowMs: 60_000 + index },
        reason: 'a test',
      },
    })),
  );
  const log = await eventsOf(store);
  const request = log.find(({ type }) => type === 'NotificationRequested');
  const last = log.at(-1);
  if (request === undefined || last === undefined) throw new Error('nothing was requested');
  let elapsed = 0;
  const runtime = {
    ...systemRuntime(),
    elapsed: () => elapsed,
    pause: (ms: number) => {
      elapsed += ms;
      return Promise.resolve();
    },
  };
  const checkpoint = {
    storeId: kernel.storeId,
    position: last.position,
    lastEvent: null,
    output: null,
    ruleset: 1,
    ordinal: 0n,
    sequence: 0n,
    digest: '',
    counts: NO_COUNTS,
  };
  const headers = new Map([
    ['ce-id', messageId(request.id, 'notification.requested')],
    ['Tocsin-Stream', request.stream],
    ['Tocsin-Revision', String(request.revision)],
  ]);
  /** Hands messages for the request to the intake, one after another. */
  const take = async (): Promise<readonly Acknowledgement[]> => {
    const answers: Acknowledgement[] = [];
    const intake = intakeProcess({
      ...deliveryContext({ store, runtime }),
      runtime,
      kernel: 'tocsin',
      keys: [messageKey(Buffer.alloc(32, 1))],
      letThrough: {
        publishedAfter: () => [],
        checkpoint: () => checkpoint,
        verdictOfMessage: () => undefined,
      },
      requests: {
        async run({ handle }) {
          for (let sequence = 1n; sequence <= BigInt(MESSAGES); sequence += 1n)
            answers.push(await handle({ sequence, subject: 'notification.x', headers }));
        },
      },
    });
    await intake.run(new AbortController().signal, { works: () => {}, waits: () => {} });
    return answers;
  };
  return { ...counted, request, runtime, take };
}

/** Pauses of 5, 10, 20 … milliseconds, until a second has passed. */
const TRIES = 9;

/** The control stream is read twice at first: for its state, and for its history. */
const FIRST = 2 * (POLICIES + 2);

test('forged messages are terminated, and each reads one event of the control stream', async () => {
  const { take, during } = await heldBack();
  const [answers, read] = await during(take);
  expect(answers).toEqual(Array(MESSAGES).fill('term'));
  expect(read).toBeLessThanOrEqual(FIRST + MESSAGES);
});

test('messages that wait for a new verdict read one event of the control stream at each try', async () => {
  const { take, during, request, runtime, store } = await heldBack();
  const context = { store, kernel: 'tocsin', runtime };
  const release = {
    type: 'RequestReleased',
    data: {
      event: request.id,
      stream: request.stream,
      revision: request.revision,
      reason: 'a test',
    },
  } as const;
  await appendControl(context, () => [release]);
  expect((await readControl(store, 'tocsin')).released).toEqual([request.id]);
  const [answers, read] = await during(take);
  expect(answers).toEqual(Array(MESSAGES).fill('nak'));
  expect(read).toBeLessThanOrEqual(FIRST + 2 + TRIES * MESSAGES);
});
