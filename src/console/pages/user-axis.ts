// The axis of a user: one row per trigger type, windows as bands, requests as marks, deliveries below.
import { ends, html, storyPath, utcText, type Markup, type View } from '../markup.ts';
import type { RequestRow } from './notifications.ts';

/** A dedupe window that a notification of the user opened. */
export type Band = { readonly triggerType: string; readonly start: number; readonly end: number };

type Axis = {
  readonly user: string;
  readonly requests: readonly RequestRow[];
  readonly bands: readonly Band[];
  readonly from: number;
  readonly until: number;
};

const WIDTH = 720;
const LEFT = 10;
const SPAN = WIDTH - 2 * LEFT;
const ROW = 64;
const SCALE = 6;
/** Requests that were not sent stand above the line, so that no mark hides another. */
const ABOVE = 12;
const TICKS = 6;

export function userAxis(view: View, axis: Axis): Markup {
  const { texts } = view;
  const { requests, from, until } = axis;
  const types = [...new Set(requests.map(({ triggerType }) => triggerType ?? '–'))].sort();
  const height = types.length * ROW + SCALE;
  const x = (at: number): number => {
    const part = (Math.min(Math.max(at, from), until) - from) / (until - from);
    return Math.round((LEFT + part * SPAN) * 10) / 10;
  };
  const ticks = Array.from({ length: TICKS + 1 }, (_, n) => from + ((until - from) * n) / TICKS);
  return html`<figure class="drawing">
    <div class="axes" role="region" aria-label="${texts.user.axis}" tabindex="0">
      <div>
        <svg viewBox="0 0 ${WIDTH} ${height}" role="group" aria-label="${texts.user.axis}">
          ${types.map((type, row) => rowOf(view, axis, { type, y: row * ROW, x }))}
          ${ticks.map(
            (at) =>
              html`<line class="tick" x1="${x(at)}" x2="${x(at)}" y1="0" y2="${height - SCALE}" />`,
          )}
        </svg>
        ${ends(from, until)}
      </div>
    </div>
    <figcaption>
      <span class="key"><i class="holder"></i> ${texts.verdicts['published']}</span>
      <span class="key"><i class="suppressed"></i> ${texts.verdicts['suppressed']}</span>
      <span class="key"><i class="muted"></i> ${texts.reasons['silenced']}</span>
      <span class="key"><i class="band"></i> ${texts.story.window}</span>
      <span class="key"><i class="delivery"></i> ${texts.columns.delivery}</span>
    </figcaption>
  </figure>`;
}

type Row = { readonly type: string; readonly y: number; readonly x: (at: number) => number };

function rowOf(view: View, { requests, bands }: Axis, { type, y, x }: Row): Markup {
  const line = y + 34;
  const own = requests.filter(({ triggerType }) => (triggerType ?? '–') === type);
  return html`<text x="${LEFT}" y="${y + 12}">${type}</text>
    ${bands
      .filter(({ triggerType }) => triggerType === type)
      .map(
        ({ start, end }) =>
          html`<rect
            class="window"
            x="${x(start)}"
            y="${y + 18}"
            width="${Math.max(1, x(end) - x(start))}"
            height="32"
          />`,
      )}
    <line class="axis" x1="${LEFT}" x2="${WIDTH - LEFT}" y1="${line}" y2="${line}" />
    ${own.map((request) => markOf(view, request, line, x))}`;
}

function markOf(view: View, request: RequestRow, y: number, x: Row['x']): Markup {
  const { texts } = view;
  const { verdict, reason, status, triggerId } = request;
  const iso = request.happenedAt ?? request.windowStart;
  if (iso === null) return html``;
  const at = x(Date.parse(iso));
  const kind = reason === 'silenced' ? 'muted' : verdict === 'published' ? 'holder' : verdict;
  const delivery = status === null ? '' : `, ${texts.statuses[status] ?? status}`;
  const why = texts.reasons[reason] ?? reason;
  const label = `${utcText(iso)}: ${texts.verdicts[verdict] ?? verdict}, ${why}${delivery}`;
  const drawing = html`<title>${label}</title> ${shape(kind, at, kind === 'holder' ? y : y - ABOVE)}
    ${status === null ? '' : html`<rect class="delivery ${status}" x="${at - 4}" y="${y + 18}" width="8" height="6" />`}`;
  return triggerId === null
    ? html`<g class="mark ${kind}">${drawing}</g>`
    : html`<a class="mark ${kind}" href="${storyPath(view, triggerId)}" aria-label="${label}"
        >${drawing}</a
      >`;
}

function shape(kind: string, x: number, y: number): Markup {
  if (kind === 'holder') return html`<circle cx="${x}" cy="${y}" r="6" />`;
  if (kind === 'muted') return html`<rect x="${x - 5}" y="${y - 5}" width="10" height="10" />`;
  return html`<path
    d="M ${x - 5} ${y - 5} L ${x + 5} ${y + 5} M ${x - 5} ${y + 5} L ${x + 5} ${y - 5}"
  />`;
}
