// Samples of everything that could grow: memory and descriptors of each process, the daemons' event loops
// and lag, and the sizes of files; each sample is a line of NDJSON.
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../cluster.ts';
import type { Point } from './figures.ts';
import type { Chart } from './picture.ts';

const MB = 1024 * 1024;

export type ProcessSample = {
  readonly memoryMb: number;
  /** Absent where there is no /proc. */
  readonly descriptors?: number;
  readonly loopDelayMs?: number;
  readonly lagSeconds?: number;
  readonly lagEvents?: number;
  /** Since its start; each failure begins a new one. */
  readonly epochs?: number;
};

export type Sample = {
  readonly seconds: number;
  readonly processes: Readonly<Record<string, ProcessSample>>;
  readonly filesMb: Readonly<Record<string, number>>;
};

/** What is not ours to judge: it is sampled all the same. */
export const BROKER = 'nats-server';

/** Takes one sample. */
export async function sampleOf(cluster: Cluster, seconds: number): Promise<Sample> {
  const entries = await Promise.all(
    seatsOf(cluster).map(async ({ name, pid, status }) => {
      const memoryMb = pid === undefined ? undefined : await memoryOf(pid);
      if (pid === undefined || memoryMb === undefined) return [];
      const descriptors = await descriptorsOf(pid);
      const seen = { memoryMb, ...(descriptors === undefined ? {} : { descriptors }) };
      const { isCaughtUp: _, ...said } = await metricsOf(status);
      return [[name, { ...seen, ...said }] as const];
    }),
  );
  const folder = cluster.nats.folder;
  const files = {
    store: await sizeOf(cluster.storeFile),
    'state A': await sizeOf(cluster.projectors[0]?.state ?? ''),
    'state B': await sizeOf(cluster.projectors[1]?.state ?? ''),
    stream: await sizeOf(join(folder, 'store')),
  };
  return { seconds, processes: Object.fromEntries(entries.flat()), filesMb: files };
}

type Seat = { readonly name: string; readonly pid: number | undefined; readonly status?: string };

function seatsOf({ front, projectors, raisers, workers, nats }: Cluster): Seat[] {
  const named = (name: string, all: readonly { process: { pid: number | undefined } }[]) =>
    all.map(({ process }, n): Seat => ({ name: `${name} ${n + 1}`, pid: process.pid }));
  return [
    { name: 'front', pid: front.pid },
    ...projectors.map(({ process, status }, n): Seat => {
      return { name: `projector ${'AB'[n] ?? ''}`, pid: process.pid, status };
    }),
    ...named('raiser', raisers),
    ...named('worker', workers),
    { name: BROKER, pid: nats.pid },
  ];
}

/** Undefined for a process that is gone. */
async function memoryOf(pid: number): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Math.round((Number(stdout) / 1024) * 10) / 10;
  } catch {
    return undefined;
  }
}

async function descriptorsOf(pid: number): Promise<number | undefined> {
  try {
    return (await readdir(`/proc/${pid}/fd`)).length;
  } catch {
    // Not on Linux, or it is gone.
    return undefined;
  }
}

/** What a daemon says of itself; nothing while it does not answer. */
export async function metricsOf(
  url: string | undefined,
): Promise<Partial<ProcessSample> & { readonly isCaughtUp?: boolean }> {
  if (url === undefined || url === '') return {};
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) });
    const text = await answer.text();
    const value = (name: string): number =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
    return {
      loopDelayMs: value('nodejs_eventloop_delay_p99_seconds') * 1_000,
      lagSeconds: value('tocsin_lag_seconds'),
      lagEvents: value('tocsin_lag_events'),
      epochs: value('tocsin_epochs_total'),
      isCaughtUp: value('tocsin_caught_up') === 1,
    };
  } catch {
    return {};
  }
}

/** Of a file with its write-ahead log, or of a folder. */
async function sizeOf(path: string): Promise<number> {
  const bytes = async (file: string): Promise<number> => {
    try {
      const found = await stat(file);
      if (!found.isDirectory()) return found.size;
      const names = await readdir(file);
      return (await Promise.all(names.map((name) => bytes(join(file, name))))).reduce(
        (sum, n) => sum + n,
        0,
      );
    } catch {
      // Not there yet, or gone while it was looked at.
      return 0;
    }
  };
  return Math.round(((await bytes(path)) + (await bytes(`${path}-wal`))) / (MB / 100)) / 100;
}

/** One number of each process over time. */
export function seriesOf(samples: readonly Sample[], number: keyof ProcessSample): Chart['series'] {
  const names = [...new Set(samples.flatMap(({ processes }) => Object.keys(processes)))];
  return names.flatMap((name) => {
    const points = samples.flatMap(({ seconds, processes }): Point[] => {
      const value = processes[name]?.[number];
      return value === undefined ? [] : [{ seconds, value }];
    });
    return points.length === 0 ? [] : [{ name, points }];
  });
}

/** Everything that was sampled, as charts. */
export function chartsOf(samples: readonly Sample[]): Chart[] {
  const files = Object.keys(samples[0]?.filesMb ?? {});
  return [
    { title: 'resident memory, MB', series: seriesOf(samples, 'memoryMb') },
    { title: 'descriptors', series: seriesOf(samples, 'descriptors') },
    { title: 'event-loop delay of the daemons, p99, ms', series: seriesOf(samples, 'loopDelayMs') },
    { title: 'lag, s', series: seriesOf(samples, 'lagSeconds') },
    { title: 'lag, events', series: seriesOf(samples, 'lagEvents') },
    { title: 'epochs', series: seriesOf(samples, 'epochs') },
    {
      title: 'files, MB',
      series: files.map((name) => ({
        name,
        points: samples.map(({ seconds, filesMb }) => ({ seconds, value: filesMb[name] ?? 0 })),
      })),
    },
  ];
}
