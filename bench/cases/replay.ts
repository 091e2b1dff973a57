// `replay`: every verdict of a log again, against bare reads of the same file.
import { join } from 'node:path';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { bareInserts, readRows } from '../limits/bare-inserts.ts';
import { bareReads } from '../limits/bare-reads.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { alternate, type Measured } from '../support/rounds.ts';
import { fillStore } from '../support/store.ts';

export async function benchReplay({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const file = join(folder, 'replay.db');
  say('replay: filling the log');
  await fillStore(file, requests);
  const bare = join(folder, 'bare.db');
  bareInserts(bare, await readRows(file));
  const product = async (): Promise<Measured> => {
    await using log = embeddedReader(file);
    using state = temporaryReadModel();
    const begun = performance.now();
    const { events } = await replay(log, state, 'tocsin');
    return { units: events, seconds: (performance.now() - begun) / 1000 };
  };
  const paired = await alternate(rounds, { product, limit: () => bareReads(bare) }, (n) => {
    say(`replay, round ${n} of ${rounds}`);
  });
  const { ratio } = paired;
  return {
    case: 'replay',
    figures: { unit: 'events/s', events: requests * 3, ...paired },
    targets: [],
    lines: [
      `audit replay                ${shown(paired.product.median)} events/s`,
      `bare reads of the same log  ${shown(paired.limit.median)} events/s`,
      `ratio ${shown(ratio.median, 3)} (${shown(ratio.min, 3)} to ${shown(ratio.max, 3)} over ${rounds} rounds)`,
    ],
  };
}
