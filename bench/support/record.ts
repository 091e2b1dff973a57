// `--record`: what a run found goes into bench/README.md, or into the document that the case names, with the machine and
// how busy it was, so that no figure there is typed by hand.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { shown, verdictOf, type Report } from './bench.ts';

const ROOT = new URL('../../', import.meta.url);

/** Replaces the results of the cases that were run; those of others stay. */
export async function record(reports: readonly Report[]): Promise<void> {
  for (const report of reports) {
    const { document = 'bench/README.md', picture } = report;
    const file = new URL(document, ROOT);
    await writeFile(file, withResult(await readFile(file, 'utf8'), report, document));
    if (picture !== undefined)
      await writeFile(new URL(document.replace('.md', '.svg'), ROOT), picture);
  }
}

function withResult(text: string, report: Report, document: string): string {
  const begin = `<!-- ${report.case} -->`;
  const end = `<!-- /${report.case} -->`;
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`${document} has no place ${begin} for results`);
  }
  const lines = [...report.lines, ...report.targets.map(verdictOf), surroundings()];
  return `${before}${begin}\n\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n\n${end}${after}`;
}

function surroundings(): string {
  const date = new Date().toISOString().slice(0, 10);
  const model = cpus()[0]?.model ?? 'an unknown processor';
  const load = shown(loadavg()[1] ?? 0, 1);
  return `(${date}, Node ${process.versions.node}, ${availableParallelism()} cores of ${model}, load ${load})`;
}
