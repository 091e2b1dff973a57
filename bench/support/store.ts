// Filling an embedded store through the kernel, as an embedder would.
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { raiseInputs } from './inputs.ts';
import type { Measured } from './rounds.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Raises on their way at a time. */
export const IN_FLIGHT = 64;

/** {@link raiseInto} a new file. */
export async function fillStore(file: string, requests: number): Promise<Measured> {
  await using store = await embeddedStore({ file, holder: 'npm run bench' });
  return await raiseInto(store, requests);
}

/** Raises from first to last answer; opening and closing are not counted. */
export async function raiseInto(store: EventStore, requests: number): Promise<Measured> {
  await using kernel = await openKernel({ ...scheduleProduct, store });
  const begun = performance.now();
  let units = 0;
  const options = { concurrency: IN_FLIGHT };
  for await (const { outcome } of kernel.raiseAll(raiseInputs(requests), options)) {
    if (outcome !== 'raised') throw new Error(`a request of the bench was answered: ${outcome}`);
    units += 1;
  }
  return { units, seconds: (performance.now() - begun) / 1000 };
}

/** Everything of a store into a new read model, and to the server. */
export async function projectInto(
  files: { readonly store: string; readonly state: string },
  servers: string,
): Promise<void> {
  await using store = await embeddedStore({ file: files.store, holder: 'npm run bench' });
  using state = sqliteReadModel({ file: files.state });
  const projector = openProjector({ store, state, output: jetStreamOutput({ servers }) });
  await projector.once();
}
