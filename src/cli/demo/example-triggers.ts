// Raises the example triggers of the checkout, once per folder.
import { createReadStream, existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Kernel } from '../../kernel/open-kernel.ts';
import { raiseLines, untilAborted, type RaiseSummary } from '../compose/raise-file.ts';
import type { Narrator } from './narrator.ts';
import { packageFile } from '../config/package-files.ts';

/** Raises in flight; enough to fill group commits. */
export const CONCURRENCY = 64;

const marker = (): string => resolve('var/examples-raised');

export const wereExamplesRaised = (): boolean => existsSync(marker());

/** Raises the examples unless they were raised before. A repetition after a crash has no effect. */
export async function raiseExamples(
  kernel: Kernel,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<RaiseSummary | undefined> {
  const file = fileURLToPath(packageFile('examples/triggers.ndjson'));
  if (wereExamplesRaised() || !existsSync(file)) return undefined;
  const source = untilAborted(createReadStream(file), signal);
  const summary = await raiseLines(kernel, source, {
    concurrency: CONCURRENCY,
    onLine: narrator.raised,
  });
  if (!signal.aborted) writeFileSync(marker(), '', { mode: 0o600 });
  return summary;
}
