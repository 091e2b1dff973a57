// Several contenders in turn, so that a machine that is shared or drifts changes all of them alike.
import { collectGarbage, spreadOf, type Spread } from './rounds.ts';

/** A figure per contender: a rate, or milliseconds of a call. */
export type Contender = () => Promise<number> | number;

/** The figures of all rounds by contender. */
export type Interleaved = {
  readonly median: (name: string) => number;
  /** The ratio of two contenders' figures, round by round. */
  readonly ratio: (name: string, to: string) => Spread;
  /** The same of the CPU time that this process spent; other processes, such as servers, are not counted. */
  readonly cpuRatio: (name: string, to: string) => Spread;
};

/** Runs each contender once to warm up, then `rounds` times in turn, in the order of the map. */
export async function interleave(
  rounds: number,
  contenders: ReadonlyMap<string, Contender>,
  progress: (text: string) => void,
): Promise<Interleaved> {
  const figures = new Map<string, number[]>([...contenders.keys()].map((name) => [name, []]));
  const cpu = new Map<string, number[]>([...contenders.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    for (const [name, contender] of contenders) {
      collectGarbage();
      const before = process.cpuUsage();
      const figure = await contender();
      const { user, system } = process.cpuUsage(before);
      if (round === 0) continue;
      figures.get(name)?.push(figure);
      cpu.get(name)?.push(user + system);
    }
  }
  const of = (name: string, all = figures): readonly number[] => {
    const found = all.get(name);
    if (found === undefined) throw new Error(`no contender ${name}`);
    return found;
  };
  const ratio = (name: string, to: string, all = figures): Spread =>
    spreadOf(of(name, all).map((figure, i) => figure / (of(to, all)[i] ?? NaN)));
  return {
    median: (name) => spreadOf(of(name)).median,
    ratio: (name, to) => ratio(name, to),
    cpuRatio: (name, to) => ratio(name, to, cpu),
  };
}
