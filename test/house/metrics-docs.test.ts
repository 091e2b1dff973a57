// Checks that docs/metrics.md lists the instruments and the steps of traces of the code, with their words.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  INSTRUMENTS,
  prometheusName,
  SPANS,
  type Instrument,
} from '../../src/domain/ports/instruments.ts';

const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

/** The rows of the tables whose first cell is code, with their cells. */
const rows = document
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

const KINDS: Readonly<Record<Instrument['kind'], string>> = {
  counter: 'counter',
  gauge: 'gauge',
  level: 'gauge',
  histogram: 'histogram',
};

test('docs/metrics.md lists every instrument with its names, kind, labels and meaning', () => {
  const wanted = Object.entries<Instrument>(INSTRUMENTS).map(([name, instrument]) => [
    `\`${prometheusName(name, instrument)}\``,
    `\`${name}\``,
    KINDS[instrument.kind],
    instrument.labels.map((label) => `\`${label.replaceAll('.', '_')}\``).join(', '),
    instrument.help,
  ]);
  expect(rows.filter((cells) => cells.length === 5)).toEqual(wanted);
});

test('docs/metrics.md lists every step of a trace with its meaning', () => {
  const wanted = Object.entries(SPANS).map(([name, help]) => [`\`${name}\``, help]);
  expect(rows.filter((cells) => cells.length === 2)).toEqual(wanted);
});
