// Runs a subscription of the official client beside a test and keeps its events in order.
import type {
  AllStreamSubscription,
  Position,
  ResolvedEvent,
  StreamSubscription,
} from '@eventstore/db-client';

export type Said =
  | { readonly kind: 'event'; readonly event: ResolvedEvent }
  | { readonly kind: 'checkpoint'; readonly position: Position }
  | { readonly kind: 'confirmation' | 'caughtUp' };

export type Listener = {
  readonly said: readonly Said[];
  readonly events: () => ResolvedEvent[];
  readonly kinds: () => string[];
  readonly checkpoints: () => Position[];
  /** For the filter's option. */
  readonly checkpointReached: (_: AllStreamSubscription, position: Position) => Promise<void>;
  readonly until: (condition: (said: readonly Said[]) => boolean) => Promise<void>;
  readonly untilEvents: (count: number) => Promise<void>;
  readonly untilCaughtUp: () => Promise<void>;
  readonly listen: (subscription: AllStreamSubscription | StreamSubscription) => Listener;
  readonly stop: () => Promise<void>;
};

export function listener(): Listener {
  const said: Said[] = [];
  const checks = new Set<() => void>();
  let failed: unknown;
  let subscription: AllStreamSubscription | StreamSubscription | undefined;
  const note = (what: Said): void => {
    said.push(what);
    for (const check of checks) check();
  };
  const self: Listener = {
    said,
    events: () => said.flatMap((one) => (one.kind === 'event' ? [one.event] : [])),
    kinds: () => said.map(({ kind }) => kind),
    checkpoints: () => said.flatMap((one) => (one.kind === 'checkpoint' ? [one.position] : [])),
    checkpointReached(_, position) {
      note({ kind: 'checkpoint', position });
      return Promise.resolve();
    },
    until: (condition) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (failed !== undefined) reject(new Error('the subscription failed', { cause: failed }));
          else if (condition(said)) resolve();
          else return;
          checks.delete(check);
        };
        checks.add(check);
        check();
      }),
    untilEvents: (count) => self.until(() => self.events().length >= count),
    untilCaughtUp: () => self.until(() => self.kinds().includes('caughtUp')),
    listen(started) {
      subscription = started;
      started.on('confirmation', () => {
        note({ kind: 'confirmation' });
      });
      started.on('caughtUp', () => {
        note({ kind: 'caughtUp' });
      });
      started.on('error', (error) => {
        failed = error;
        for (const check of checks) check();
      });
      started.on('data', (event: ResolvedEvent) => {
        note({ kind: 'event', event });
      });
      return self;
    },
    async stop() {
      await subscription?.unsubscribe();
    },
  };
  return self;
}
