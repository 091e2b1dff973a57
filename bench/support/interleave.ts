// Several contenders in turn, so that a machine that is shared or drifts changes all of them alike.
import { collectGarbage, spreadOf, type Spread } from './rounds.ts';

/** A figure per contender: a rate, or milliseconds of a call. */
export type Contender = () => Promise<number> | number;

/** The figures of all rounds by contender. */
export type Interleaved = {
  readonly median: (name: string) => number;
  /** The ratio of two contenders' figures, round by round. */
  readonly ratio: (name: string, to: string) => Spread;
};

/** Runs each contender once to warm up, then `rounds` times in turn, in the order of the map. */
export async function interleave(
  rounds: number,
  contenders: ReadonlyMap<string, Contender>,
  progress: (text: string) => void,
): Promise<Interleaved> {
  const figures = new Map<string, number[]>([...contenders.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    for (const [name, contender] of contenders) {
      collectGarbage();
      const figure = await contender();
      if (round > 0) figures.get(name)?.push(figure);
    }
  }
  const of = (name: string): readonly number[] => {
    const found = figures.get(name);
    if (found === undefined) throw new Error(`no contender ${name}`);
    return found;
  };
  return {
    median: (name) => spreadOf(of(name)).median,
    ratio: (name, to) => spreadOf(of(name).map((figure, i) => figure / (of(to)[i] ?? NaN))),
  };
}
