// Points between two effects, where a test may let the process die. Whoever composes a process wraps its
// effect ports here; the product knows nothing of it, and without a wrapper nothing is there.
//
// Each method of a port is an `effect`, or a `read` that changes nothing, or makes another port. A method
// that nobody has classified does not compile, and throws: a new effect cannot slip past. A port joins
// with a table like those below.
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { RequestQueue } from '../../src/kernel/processes/delivery/request-queue.ts';
import type { Sender } from '../../src/domain/ports/sender.ts';
import type { DueIndex, DueIndexes } from '../../src/kernel/processes/due/due-index.ts';
import type { Output, OutputSession } from '../../src/projections/output.ts';
import type { ReadModel } from '../../src/projections/read-model.ts';
import { label } from './effect-labels.ts';

/** `before` it is asked for, `sent` but not answered, and `after` the answer. */
export type Moment = 'before' | 'sent' | 'after';

/** The process is dead: what a synchronous effect throws in its place. */
export class Died extends Error {
  override readonly name = 'Died';
}

export type Failpoints = {
  /** Every point that was reached so far, in order. */
  readonly reached: readonly string[];
  /** Effects that begun and have not ended, by label. */
  readonly open: ReadonlyMap<string, number>;
  /** Resolves with the point at which the process died. */
  readonly death: Promise<string>;
  readonly around: <T>(effect: string, call: () => T) => T;
  readonly isDead: () => boolean;
};

/**
 * Points that only count, until `dies` says that the process dies at one.
 * @param dies asked at each point, with its number from 0
 * @param die what it is to die; by default nothing that was asked is done or answered any more
 */
export function failpoints(
  dies: (point: string, n: number) => boolean,
  die: (point: string) => void = () => undefined,
): Failpoints {
  const reached: string[] = [];
  const open = new Map<string, number>();
  const { promise: death, resolve } = Promise.withResolvers<string>();
  let dead = false;

  /** True when there is nobody any more to go on. */
  const reach = (effect: string, moment: Moment): boolean => {
    if (dead) return true;
    const point = `${effect} ${moment}`;
    dead = dies(point, reached.push(point) - 1);
    if (dead) {
      die(point);
      resolve(point);
    }
    return dead;
  };
  const count = (effect: string, by: number): void => {
    open.set(effect, (open.get(effect) ?? 0) + by);
  };
  const answered = async (effect: string, answer: Promise<unknown>): Promise<unknown> => {
    if (reach(effect, 'sent')) return never();
    try {
      return await answer;
    } finally {
      count(effect, -1);
      if (reach(effect, 'after')) await never();
    }
  };
  const around = (effect: string, call: () => unknown): unknown => {
    if (dead) throw new Died(effect);
    if (reach(effect, 'before')) throw new Died(effect);
    count(effect, 1);
    const answer = call();
    if (answer instanceof Promise) {
      // Whoever died does not hear of it.
      answer.catch(() => undefined);
      return answered(effect, answer);
    }
    count(effect, -1);
    if (reach(effect, 'after')) throw new Died(effect);
    return answer;
  };
  return {
    reached,
    open,
    death,
    // What goes in comes out, as it is or as a promise of the same.
    around: around as Failpoints['around'],
    isDead: () => dead,
  };
}

type Kind = 'effect' | 'read' | 'makes a session';
type Kinds<T> = Readonly<Record<keyof T, Kind>>;

const EVENT_STORE: Kinds<EventStore> = {
  append: 'effect',
  readStream: 'read',
  readAll: 'read',
  subscribeAll: 'read',
  [Symbol.asyncDispose]: 'read',
};

const OUTPUT: Kinds<Output> = { stream: 'read', connect: 'makes a session' };

const OUTPUT_SESSION: Kinds<OutputSession> = {
  info: 'read',
  read: 'read',
  create: 'effect',
  publish: 'effect',
  [Symbol.asyncDispose]: 'read',
};

const READ_MODEL: Kinds<ReadModel> = {
  commit: 'effect',
  reset: 'effect',
  checkpoint: 'read',
  sentNotificationsIn: 'read',
  sentNotificationsById: 'read',
  suppressedRequestsOf: 'read',
  mutedRequestsOf: 'read',
  recentMessagesAfter: 'read',
  lastRecentMessage: 'read',
  parked: 'read',
  parkedCount: 'read',
  reasons: 'read',
  dedupeKeys: 'read',
  [Symbol.dispose]: 'read',
};

const DUE_INDEX: Kinds<DueIndex> = {
  commit: 'effect',
  position: 'read',
  lastEvent: 'read',
  due: 'read',
  next: 'read',
  count: 'read',
  [Symbol.dispose]: 'read',
};

/** Goes around each effect; see {@link Failpoints.around}, and the witness. */
export type Around = (effect: string, call: () => unknown) => unknown;

/** The ports that can change something, each with something around its effects. */
export const wrapped = {
  store: (store: EventStore, around: Around) => wrap(store, EVENT_STORE, around),
  output: (output: Output, around: Around) => wrap(output, OUTPUT, around),
  state: (state: ReadModel, around: Around) => wrap(state, READ_MODEL, around),
  indexes: (indexes: DueIndexes, around: Around): DueIndexes => ({
    open: (name) => wrap(indexes.open(name), DUE_INDEX, around),
    [Symbol.dispose]: () => {
      indexes[Symbol.dispose]();
    },
  }),
  send:
    (send: Sender, around: Around): Sender =>
    (...args) =>
      // What goes in comes out.
      around('call', () => send(...args)) as ReturnType<Sender>,
  requests: (queue: RequestQueue, around: Around): RequestQueue => ({
    run: ({ handle, ...rest }) =>
      queue.run({
        ...rest,
        handle: async (message) => {
          const answer = await handle(message);
          return new Promise((resolve, reject) => {
            const acknowledge = async (): Promise<void> => {
              resolve(answer);
              await sleep(ACKNOWLEDGED_MS);
            };
            try {
              around('acknowledge', acknowledge);
            } catch (error) {
              if (error instanceof Error) reject(error);
            }
          });
        },
      }),
  }),
} as const;

/** A queue does not return when it has sent the acknowledgement to the broker: wait this long. */
const ACKNOWLEDGED_MS = 5;

function wrap<T extends object>(port: T, kinds: Kinds<T>, around: Around): T {
  return new Proxy(port, {
    get(inner, key) {
      const member: unknown = Reflect.get(inner, key, inner);
      if (typeof member !== 'function') return member;
      const kind = (kinds as Partial<Record<PropertyKey, Kind>>)[key];
      if (kind === undefined) throw new Error(`${String(key)} is neither an effect nor a read`);
      return (...args: unknown[]): unknown => {
        const call = (): unknown => Reflect.apply(member, inner, args);
        if (kind === 'effect') return around(label(String(key), args), call);
        const result = call();
        if (kind !== 'makes a session') return result;
        return (result as Promise<OutputSession>).then((s) => wrap(s, OUTPUT_SESSION, around));
      };
    },
  });
}

/** An effect that a failpoint did not precede, or did not follow. */
export type Witness = {
  readonly around: Around;
  readonly unguarded: readonly string[];
  readonly calls: () => number;
};

/** Stands before the adapters themselves, and sees to it that every call came through the failpoints. */
export function witness(points: Failpoints): Witness {
  const unguarded: string[] = [];
  let calls = 0;
  return {
    unguarded,
    calls: () => calls,
    around: (effect, call) => {
      calls += 1;
      if ((points.open.get(effect) ?? 0) === 0) unguarded.push(effect);
      return call();
    },
  };
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
