// A small piece of everything on real adapters: raises of each kind, and their projection until the head.
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { wrapped, type Around } from './failpoints.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

export type SmallWork = {
  readonly folder: string;
  readonly servers: string;
  /** The stream's name, and the root of its subjects. */
  readonly stream: string;
  /** Begins a new list instead, as an operator decides, with raises of its own. */
  readonly fromNow: boolean;
};

/** Every kind of effect that the work has; the enumeration in failpoints.test.ts finds no other. */
export const SMALL_WORK_EFFECTS = [
  'append control StoreInitialised',
  'append trigger TriggerRaised',
  'append idempotency IdempotencyClaimed',
  'append control OutputOpened',
  'create',
  'publish',
  'commit',
] as const;

/** Does it once; the same again does nothing new. */
export async function smallWork(
  { folder, servers, stream, fromNow }: SmallWork,
  around: Around = (_effect, call) => call(),
): Promise<void> {
  const subjectRoot = `${stream}.`;
  await using file = await embeddedStore({ file: join(folder, 'store.db') });
  const store = wrapped.store(file, around);
  using model = sqliteReadModel({ file: join(folder, 'state.db') });
  const state = wrapped.state(model, around);
  const output = wrapped.output(jetStreamOutput({ servers, stream, subjectRoot }), around);
  await using kernel = await openKernel({ ...scheduleProduct, store });
  const common = {
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    requestedAt: '2026-01-01T10:00:00.000Z',
  } as const;
  for (const userId of fromNow ? [3] : [1, 2]) {
    await kernel.raise({ ...common, userId, targetId: 1 });
    await kernel.raise({ ...common, userId, targetId: 2, idempotencyKey: 'k' });
  }
  const projector = openProjector({ store, state, output, subjectRoot });
  await projector.once(fromNow ? { recoveryMode: { kind: 'from_now' } } : {});
}
