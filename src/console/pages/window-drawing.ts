// The dedupe window of a verdict, drawn to scale: the notification that holds it, and the requests behind it.
import { parseDuration } from '../../domain/core/durations.ts';
import type { Explanation } from '../../projections/audit/explain/explain.ts';
import { ends, html, storyPath, time, utcText, type Markup, type View } from '../markup.ts';

const WIDTH = 720;
const LEFT = 20;
const SPAN = WIDTH - 2 * LEFT;
const LINE = 60;

type Mark = {
  readonly at: number;
  readonly kind: 'holder' | 'suppressed';
  readonly isOwn: boolean;
  readonly triggerId: string;
  readonly iso: string;
};

/** `undefined` where the policy has no window, or nothing is decided. */
export function windowDrawing(view: View, explanation: Explanation): Markup | undefined {
  const { decision } = explanation;
  if (decision === null || decision.windowStart === null) return undefined;
  if (decision.policy.startsWith('none')) return undefined;
  const marks = marksOf(explanation);
  const start = Date.parse(decision.windowStart);
  const end = windowEnd(decision.policy, start, marks);
  const from = Math.min(start, ...marks.map(({ at }) => at));
  const until = Math.max(end, ...marks.map(({ at }) => at));
  const x = (at: number): number =>
    Math.round((LEFT + ((at - from) / Math.max(1, until - from)) * SPAN) * 10) / 10;
  const { texts } = view;
  return html`<figure class="drawing">
    <svg viewBox="0 0 ${WIDTH} 90" role="group" aria-label="${texts.story.window}">
      <rect
        class="window"
        x="${x(start)}"
        y="36"
        width="${Math.max(2, x(end) - x(start))}"
        height="48"
        rx="4"
      />
      <line class="axis" x1="${LEFT}" x2="${WIDTH - LEFT}" y1="${LINE}" y2="${LINE}" />
      ${marks.map((mark) => drawn(view, mark, x(mark.at)))}
    </svg>
    ${ends(from, until)}
    <figcaption>
      ${texts.story.window}: ${time(decision.windowStart)} – ${time(new Date(end).toISOString())}
      <span class="key"><i class="holder"></i> ${texts.story.holder}</span>
      <span class="key"><i class="suppressed"></i> ${texts.verdicts['suppressed']}</span>
    </figcaption>
  </figure>`;
}

function drawn(view: View, { kind, isOwn, triggerId, iso }: Mark, x: number): Markup {
  const { texts } = view;
  const what = kind === 'holder' ? texts.story.holder : texts.verdicts['suppressed'];
  const label = `${what}, ${utcText(iso)}${isOwn ? `, ${texts.story.thisOne}` : ''}`;
  const shape =
    kind === 'holder'
      ? html`<circle cx="${x}" cy="${LINE}" r="8" />`
      : html`<path
          d="M ${x - 6} ${LINE - 6} L ${x + 6} ${LINE + 6} M ${x - 6} ${LINE + 6} L ${x + 6} ${LINE - 6}"
        />`;
  return html`<a
    class="mark ${kind} ${isOwn ? 'own' : ''}"
    href="${storyPath(view, triggerId)}"
    aria-label="${label}"
    ><title>${label}</title>${shape}${
      isOwn ? html`<path class="pointer" d="M ${x} 22 l -5 -9 h 10 z" />` : ''
    }</a
  >`;
}

function marksOf({ decision, suppressed, triggerId, story }: Explanation): readonly Mark[] {
  const holder = decision?.notice;
  const marks: Mark[] = [];
  if (holder) {
    const { triggerId: id, happenedAt } = holder;
    marks.push({
      at: Date.parse(happenedAt),
      kind: 'holder',
      isOwn: id === triggerId,
      triggerId: id,
      iso: happenedAt,
    });
  }
  for (const other of suppressed) {
    const { happenedAt: iso, triggerId: id } = other;
    marks.push({ at: Date.parse(iso), kind: 'suppressed', isOwn: false, triggerId: id, iso });
  }
  // The story also has the request of the notification that holds the window: this trigger is the one that was raised.
  const iso = story.find(({ type }) => type === 'TriggerRaised')?.happenedAt ?? null;
  if (decision?.verdict === 'suppressed' && iso !== null) {
    marks.push({ at: Date.parse(iso), kind: 'suppressed', isOwn: true, triggerId, iso });
  }
  return marks;
}

function windowEnd(policy: string, start: number, marks: readonly Mark[]): number {
  const [kind, ...words] = policy.split(/[\s,]+/);
  const durations = words.map(parseDuration).filter((ms) => ms !== undefined);
  // A session goes on for its gap after the last request in it.
  const last = Math.max(start, ...marks.map(({ at }) => at));
  return (kind === 'session' ? last : start) + (durations[0] ?? 0);
}
