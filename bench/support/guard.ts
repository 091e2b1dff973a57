// The guard of a quick run: it compares ratios with the committed ones, which a quick run on a quiet machine recorded.
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { shown, type Report, type Target } from './bench.ts';

const FILE = new URL('../ratios.json', import.meta.url);
const Ratios = z.record(z.string(), z.number());

/** Ratios by case and what they compare. */
export type KnownRatios = Readonly<Record<string, number>>;

/** A ratio that is worse by more than this part of the committed one is reported. */
const TOLERANCE = 0.15;

export async function knownRatios(): Promise<KnownRatios> {
  const parsed: unknown = JSON.parse(await readFile(FILE, 'utf8'));
  return Ratios.parse(parsed);
}

/** Replaces the ratios of the cases that were run; those of others stay. */
export async function recordRatios(reports: readonly Report[]): Promise<void> {
  const ratios: Record<string, number> = { ...(await knownRatios()) };
  for (const [name, { reached }] of ratiosOf(reports)) ratios[name] = Number(reached.toFixed(3));
  await writeFile(FILE, `${JSON.stringify(ratios, undefined, 2)}\n`);
}

/** A line for each ratio that is worse than the committed one by more than 15 %. */
export function fallen(reports: readonly Report[], known: KnownRatios): readonly string[] {
  return ratiosOf(reports).flatMap(([name, { reached, below }]) => {
    const before = known[name];
    if (before === undefined || before === 0) return [];
    // Of a time, more is worse.
    const change = below === undefined ? reached / before - 1 : before / reached - 1;
    if (change >= -TOLERANCE) return [];
    return [`${name}: ${shown(reached, 3)}, was ${shown(before, 3)} (${shown(change * 100)} %)`];
  });
}

/** The targets that compare two contenders; others are times and sizes, which depend on the machine. */
function ratiosOf(reports: readonly Report[]): readonly (readonly [string, Target])[] {
  return reports.flatMap((report) =>
    report.targets
      .filter(({ what }) => what.includes(' / '))
      .map((target) => [`${report.case}: ${target.what}`, target] as const),
  );
}
