// Samples as a picture: one small chart under the other, in one SVG that any browser shows.
import type { Point } from './figures.ts';

export type Chart = {
  readonly title: string;
  readonly series: readonly { readonly name: string; readonly points: readonly Point[] }[];
};

const COLOURS = ['#1b6ca8', '#c0392b', '#27822b', '#8e44ad', '#b9770e', '#148f8f', '#555555'];
const [WIDTH, HEIGHT, GAP] = [900, 150, 46];
const [LEFT, RIGHT] = [70, 190];

/** Draws the charts. */
export function picture(heading: string, charts: readonly Chart[]): string {
  const height = 40 + charts.length * (HEIGHT + GAP);
  const parts = charts.map((chart, n) => drawn(chart, 40 + n * (HEIGHT + GAP)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    text(LEFT, 22, heading, 'font-size="14" font-weight="bold"'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function drawn({ title, series }: Chart, top: number): string {
  const all = series.flatMap(({ points }) => points);
  const seconds = Math.max(1, ...all.map((point) => point.seconds));
  const most = Math.max(1e-9, ...all.map(({ value }) => value));
  const bottom = top + HEIGHT;
  const x = (at: number): number => LEFT + (at / seconds) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => bottom - (value / most) * (HEIGHT - 20);
  const lines = series.map(({ name, points }, n) => {
    const colour = COLOURS[n % COLOURS.length] ?? 'black';
    const path = points.map((p) => `${x(p.seconds).toFixed(1)},${y(p.value).toFixed(1)}`).join(' ');
    const last = points.at(-1)?.value ?? 0;
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.2"/>`,
      text(WIDTH - RIGHT + 8, top + 20 + n * 14, `${name}: ${shown(last)}`, `fill="${colour}"`),
    ].join('\n');
  });
  const axis = `M${LEFT} ${top + 8}V${bottom}H${WIDTH - RIGHT}`;
  return [
    text(LEFT, top, title, 'font-weight="bold"'),
    `<path d="${axis}" fill="none" stroke="#999"/>`,
    text(LEFT - 6, y(most) + 4, shown(most), 'text-anchor="end"'),
    text(LEFT - 6, bottom, '0', 'text-anchor="end"'),
    text(WIDTH - RIGHT, bottom + 14, `${(seconds / 60).toFixed(1)} min`, 'text-anchor="end"'),
    ...lines,
  ].join('\n');
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}

function text(x: number, y: number, content: string, more = ''): string {
  const safe = content.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return `<text x="${x}" y="${y.toFixed(0)}" ${more}>${safe}</text>`;
}
