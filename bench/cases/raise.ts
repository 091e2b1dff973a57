// `raise`: requests into an embedded store, 64 in flight, against bare inserts of the same bytes.
import { rm, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bareInserts, readRows } from '../limits/bare-inserts.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { alternate } from '../support/rounds.ts';
import { fillStore } from '../support/store.ts';

export async function benchRaise({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const round = join(folder, 'round');
  const store = join(round, 'store.db');
  const paired = await alternate(
    rounds,
    {
      product: async () => {
        await rm(round, { recursive: true, force: true });
        await mkdir(round);
        return fillStore(store, requests);
      },
      limit: async () => ({
        units: requests,
        seconds: bareInserts(join(round, 'bare.db'), await readRows(store)),
      }),
    },
    (n) => {
      say(`raise, round ${n} of ${rounds}`);
    },
  );
  const { product, limit, ratio } = paired;
  return {
    case: 'raise',
    figures: { unit: 'raises/s', requests, inFlight: 64, ...paired },
    targets: [{ what: 'embedded raise / bare inserts', reached: ratio.median, atLeast: 0.12 }],
    lines: [
      `kernel.raiseAll, 64 in flight   ${shown(product.median)} raises/s (${shown(product.median * 3)} events/s)`,
      `bare inserts of the same bytes  ${shown(limit.median)} raises/s`,
      `ratio ${shown(ratio.median, 3)} (${shown(ratio.min, 3)} to ${shown(ratio.max, 3)} over ${rounds} rounds)`,
    ],
  };
}
