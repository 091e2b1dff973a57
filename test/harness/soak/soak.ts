// A set load for as long as one likes, on real processes that nobody disturbs, or whose broker is away for
// a while. What could grow is sampled all the time; at the end everything is compared, as after torture.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../support/random.ts';
import { startCluster, type Cluster } from '../cluster.ts';
import { Load } from '../load.ts';
import { feed, heal, isSame, settle } from '../torture.ts';
import { verify, type Verification } from '../verify.ts';
import { brokerAway, type Away } from './away.ts';
import { growthOf } from './figures.ts';
import { picture } from './picture.ts';
import { BROKER, chartsOf, sampleOf, seriesOf, type Sample } from './sampling.ts';

/** A process fails when its memory rises faster than this in the second half of the run … */
export const MOST_MB_PER_HOUR = 10;
/** … and by more than this, so that a short run does not fail by what it has not warmed up yet. */
export const LEAST_MB = 24;

export type SoakOptions = {
  readonly seconds: number;
  /** Raises a second. */
  readonly rate: number;
  readonly seed: number;
  readonly workers: number;
  readonly everySeconds: number;
  /** Where samples and the picture go. */
  readonly folder: string;
  /** So long the broker is away; 0 for never. */
  readonly natsAwaySeconds: number;
  readonly note: (what: string) => void;
  readonly signal?: AbortSignal;
};

export type Slope = { readonly name: string; readonly perHour: number; readonly inAll: number };

export type SoakResult = {
  readonly verification: Verification;
  readonly slopes: readonly Slope[];
  readonly away: Away | undefined;
  /** What failed, in words; empty when all is well. */
  readonly failures: readonly string[];
};

/** One run. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { seconds, rate, seed, workers, natsAwaySeconds, note, signal } = options;
  const failures: string[] = [];
  const load = new Load(seededRandom(seed));
  const fail = (what: string): void => {
    failures.push(what);
    note(`FAILURE ${what}`);
  };
  await using cluster = await startCluster({
    load,
    workers,
    answers: () => 200,
    direct: true,
    startsAsStandby: () => false,
    onUnexpectedEnd: ({ name, code, said }) => {
      fail(`${name} ended by itself (${code ?? ''}): ${said.slice(-3).join(' ')}`);
    },
  });
  const over = new AbortController();
  const samples: Sample[] = [];
  const sampling = sample(cluster, load, options, samples, over.signal);
  let away: Away | undefined;
  if (natsAwaySeconds > 0) {
    away = await brokerAway({ cluster, load, rate, seconds: natsAwaySeconds, samples, note });
    failures.push(...away.failures);
  } else {
    const enough = new AbortController();
    const feeding = feed(load, rate, enough.signal);
    await sleep(seconds * 1_000, undefined, signal && { signal }).catch(() => undefined);
    enough.abort();
    await feeding;
  }
  note(`over; settling ${load.backlog} raises`);
  await heal(cluster);
  await settle(cluster, load, fail);
  over.abort();
  await sampling;
  await end(cluster, fail);
  const verification = await verify(cluster, load);
  if (!isSame(verification)) fail('what was stored is not what had to be');
  const slopes = slopesOf(samples);
  if (away === undefined) {
    for (const { name, perHour, inAll } of slopes) {
      const grows = perHour > MOST_MB_PER_HOUR && inAll > LEAST_MB;
      if (grows) fail(`${name} grew by ${inAll.toFixed(0)} MB, ${perHour.toFixed(0)} MB an hour`);
    }
  }
  return { verification, slopes, away, failures };
}

/** Samples until the signal, each at once on its line and in the picture. */
async function sample(
  cluster: Cluster,
  load: Load,
  { folder, everySeconds, rate, natsAwaySeconds, note }: SoakOptions,
  samples: Sample[],
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'soak.ndjson');
  writeFileSync(file, '');
  const begun = performance.now();
  const outage = natsAwaySeconds > 0 ? `, NATS away for ${natsAwaySeconds} s` : '';
  while (!signal.aborted) {
    const one = await sampleOf(cluster, Math.round((performance.now() - begun) / 100) / 10);
    samples.push(one);
    appendFileSync(file, `${JSON.stringify(one)}\n`);
    const heading = `${rate} raises a second${outage}`;
    writeFileSync(join(folder, 'soak.svg'), picture(heading, chartsOf(samples)));
    if (samples.length % 12 === 0) note(`${one.seconds} s: ${load.answers} raises, ${said(one)}`);
    await sleep(everySeconds * 1_000, undefined, { signal }).catch(() => undefined);
  }
}

function said({ processes }: Sample): string {
  return Object.entries(processes)
    .map(([name, { memoryMb }]) => `${name} ${memoryMb.toFixed(0)} MB`)
    .join(', ');
}

async function end(cluster: Cluster, fail: (what: string) => void): Promise<void> {
  const { raisers, workers, projectors, front } = cluster;
  for (const { process } of [...raisers, ...workers, ...projectors]) {
    const code = await process.stop();
    if (code !== 0) fail(`a process did not stop as it should: ${code ?? 'killed'}`);
  }
  const code = await front.stop();
  if (code !== 0) fail(`the front did not stop as it should: ${code ?? 'killed'}`);
}

/** How the memory of each process of ours grew. */
function slopesOf(samples: readonly Sample[]): readonly Slope[] {
  return seriesOf(samples, 'memoryMb')
    .filter(({ name }) => name !== BROKER)
    .map(({ name, points }) => ({ name, ...growthOf(points) }));
}

/** The last line of a run. */
export function soakSummary({ verification, slopes, failures }: SoakResult): string {
  const { expected, messages, raises, differences, deliveries } = verification;
  const both = (what: 'lost' | 'duplicated' | 'reordered'): number => messages[what] + raises[what];
  const grown = slopes.map(({ name, perHour }) => `${name} ${perHour.toFixed(1)}`).join(', ');
  return (
    `MB per hour: ${grown}; expected ${expected}, lost ${both('lost')}, duplicated ` +
    `${both('duplicated')}, reordered ${both('reordered')}, deliveries ${deliveries}, ` +
    `other differences ${differences.length}, failures ${failures.length}`
  );
}
