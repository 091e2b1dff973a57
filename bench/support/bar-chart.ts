// A picture of ratios: a bar each, with a mark at the target. It is light and dark text on a light ground, without scripts.
import { isReached, shown, type Target } from './bench.ts';

const WIDTH = 860;
const ROW = 34;
const LEFT = 430;
const RIGHT = 60;

/** Each bar is as long as what was reached, on one scale from 0. */
export function barChart(targets: readonly Target[]): string {
  const largest = Math.max(...targets.map(({ reached }) => reached), ...targets.map(boundOf));
  const x = (value: number): number => LEFT + (value / largest) * (WIDTH - LEFT - RIGHT);
  const rows = targets.map((target, i) => {
    const y = i * ROW + 10;
    const fill = isReached(target) ? '#3b7a57' : '#b5651d';
    const bound = x(boundOf(target));
    return `<text x="${LEFT - 10}" y="${y + 16}" text-anchor="end">${target.what}</text>
<rect x="${LEFT}" y="${y}" width="${(x(target.reached) - LEFT).toFixed(1)}" height="22" fill="${fill}"/>
<line x1="${bound.toFixed(1)}" x2="${bound.toFixed(1)}" y1="${y - 3}" y2="${y + 25}" stroke="#222" stroke-width="2"/>
<text x="${(x(target.reached) + 6).toFixed(1)}" y="${y + 16}">${shown(target.reached, 2)}</text>`;
  });
  const height = targets.length * ROW + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
${rows.join('\n')}
</svg>
`;
}

function boundOf({ atLeast, below }: Target): number {
  return atLeast ?? below ?? 0;
}
