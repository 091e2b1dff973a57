// Filling an embedded store through the kernel, as an embedder would.
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { raiseInputs } from './inputs.ts';
import type { Measured } from './rounds.ts';

/** Raises from first to last answer; opening and closing are not counted. */
export async function fillStore(file: string, requests: number): Promise<Measured> {
  await using store = await embeddedStore({ file, holder: 'npm run bench' });
  await using kernel = await openKernel({ store });
  const begun = performance.now();
  let units = 0;
  for await (const { outcome } of kernel.raiseAll(raiseInputs(requests), { concurrency: 64 })) {
    if (outcome !== 'raised') throw new Error(`a request of the bench was answered: ${outcome}`);
    units += 1;
  }
  return { units, seconds: (performance.now() - begun) / 1000 };
}
