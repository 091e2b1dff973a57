// What happens now: counts per minute, totals, the health of each part, and a live feed.
import type { AuditTotals } from '../../kernel/create-audit.ts';
import type { PartStatus } from '../../kernel/processes/part-board.ts';
import type { Page } from '../layout.ts';
import { facts, html, table, to, type Markup, type View } from '../markup.ts';

/** How many of each within one minute. */
export type Minute = Readonly<Record<Series, number>> & {
  /** The minute's beginning, in milliseconds since the epoch. */
  readonly at: number;
};

export const SERIES = ['requests', 'published', 'suppressed', 'delivered', 'failed'] as const;

export type Series = (typeof SERIES)[number];

/** The state of this process, where it runs a projector or probes the store. */
export type HealthView = {
  readonly ready: boolean;
  readonly degraded?: boolean;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly lagSeconds?: number;
  readonly stalledSeconds?: number;
  readonly parts: readonly PartStatus[];
};

export type NowModel = {
  readonly totals: AuditTotals | undefined;
  readonly deliveries: Readonly<Record<string, number>> | undefined;
  readonly health: HealthView | undefined;
  readonly minutes: readonly Minute[];
  readonly span: 'hour' | 'day';
};

export function nowPage(view: View, model: NowModel): Page {
  const { texts } = view;
  const { totals, deliveries, health, minutes, span } = model;
  const body = html`${health === undefined ? '' : healthSection(view, health)}
    <section>
      <h2>${texts.now.totals}</h2>
      ${totals === undefined ? html`<p>${texts.now.noState}</p>` : totalsOf(view, totals, deliveries)}
    </section>
    <section>
      <h2>${texts.now.perMinute}</h2>
      <p class="tabs">
        ${(['hour', 'day'] as const).map(
          (each) =>
            html`<a
              href="${to(view, '', { span: each })}"
              ${each === span ? html`aria-current="true"` : ''}
              >${texts.now[each]}</a
            >`,
        )}
      </p>
      ${minutes.length === 0 ? html`<p>${texts.now.noState}</p>` : chart(view, minutes, BAR_MINUTES[span])}
      <p class="quiet">${texts.now.inUtc}</p>
    </section>
    <section>
      <h2>${texts.now.feed}</h2>
      <p>
        <button type="button" data-pause data-resume="${texts.now.resume}" hidden>
          ${texts.now.pause}
        </button>
        <span class="quiet" role="status" data-feed-state>${texts.now.feedHow}</span>
      </p>
      <ol
        class="feed"
        data-feed="${to(view, '/live')}"
        data-story="${to(view, '/story/')}"
        data-lost="${texts.now.feedLost}"
        data-open="${texts.now.feedOpen}"
      ></ol>
    </section>
    <p class="quiet"><a href="${to(view, '/now.json', { span })}">${texts.asJson}</a></p>`;
  return { title: texts.sections.now, section: 'now', body };
}

function healthSection(view: View, health: HealthView): Markup {
  const { texts } = view;
  const { ready, degraded = false, reasons, lagSeconds, stalledSeconds, parts } = health;
  const state = !ready ? 'failed' : degraded ? 'degraded' : 'ready';
  const head = [texts.now.part, texts.now.state, texts.now.why];
  const rows = parts.map(
    (part) =>
      html`<tr>
        <td>${part.name}</td>
        <td>${texts.now.states[part.state]}</td>
        <td lang="en">${part.reason ?? '–'}</td>
      </tr>`,
  );
  return html`<section>
    <h2>${texts.now.health}</h2>
    <p class="notice ${ready ? 'done' : 'failed'}">${texts.now.is[state]}</p>
    ${reasons.map(
      ({ code: name, message }) => html`<p lang="en"><code>${name}</code> ${message}</p>`,
    )}
    ${
      lagSeconds === undefined
        ? ''
        : facts([
            [texts.now.lag, `${lagSeconds.toFixed(1)} s`],
            [texts.now.stalled, `${(stalledSeconds ?? 0).toFixed(1)} s`],
          ])
    }
    ${rows.length === 0 ? '' : table(texts.now.health, head, rows)}
  </section>`;
}

function totalsOf(view: View, totals: AuditTotals, deliveries: NowModel['deliveries']): Markup {
  const { texts } = view;
  const link = (label: string, path: string, params: Record<string, string>): Markup =>
    html`<a href="${to(view, path, params)}">${label}</a>`;
  const reasons = Object.entries(totals.reasons).map(
    ([reason, count]) =>
      html`<tr>
        <td>${link(reason, '/notifications', { reason })}</td>
        <td>${texts.reasons[reason] ?? '–'}</td>
        <td class="number">${count}</td>
      </tr>`,
  );
  return html`${facts([
    [texts.now.triggered, String(totals.triggered)],
    [
      texts.verdicts['published'] ?? '',
      link(String(totals.published), '/notifications', { verdict: 'published' }),
    ],
    [
      texts.verdicts['suppressed'] ?? '',
      link(String(totals.suppressed), '/notifications', { verdict: 'suppressed' }),
    ],
    [texts.sections.parked, link(String(totals.parkedNow), '/parked', {})],
    ...Object.entries(deliveries ?? {}).map(
      ([status, count]) =>
        [texts.statuses[status] ?? status, link(String(count), '/deliveries', { status })] as const,
    ),
    [texts.columns.position, html`<code>${totals.position ?? '–'}</code>`],
  ])}
  ${
    reasons.length === 0
      ? ''
      : table(
          texts.columns.reason,
          [texts.columns.reason, texts.now.meaning, { number: texts.now.requests }],
          reasons,
        )
  }`;
}

const WIDTH = 720;
const HEIGHT = 60;
/** A day in minutes would make a page of a megabyte. */
const BAR_MINUTES = { hour: 1, day: 10 } as const;

/** One row of bars for each series, with the number of all and of the fullest minute, and the times at both ends. */
function chart(view: View, minutes: readonly Minute[], barMinutes: number): Markup {
  const { texts } = view;
  const bars = grouped(minutes, barMinutes);
  const width = WIDTH / Math.max(1, bars.length);
  return html`${SERIES.map((series) => {
    const peak = Math.max(0, ...bars.map((bar) => bar[series]));
    const sum = bars.reduce((total, bar) => total + bar[series], 0);
    const label = texts.now.chart(texts.now.series[series], sum, peak, barMinutes);
    return html`<figure class="chart ${series}">
      <figcaption>${label}</figcaption>
      <svg
        viewBox="0 0 ${WIDTH} ${HEIGHT}"
        preserveAspectRatio="none"
        role="img"
        aria-label="${label}"
      >
        ${bars.map((minute, at) => {
          const height = Math.round((minute[series] / Math.max(1, peak)) * HEIGHT * 10) / 10;
          return height === 0
            ? ''
            : html`<rect
                x="${(at * width).toFixed(2)}"
                y="${HEIGHT - height}"
                width="${Math.max(0.4, width * 0.9).toFixed(2)}"
                height="${height}"
                ><title>
                  ${new Date(minute.at).toISOString().slice(11, 16)}: ${minute[series]}
                </title></rect
              >`;
        })}
      </svg>
      ${ends(minutes)}
    </figure>`;
  })}`;
}

/** Sums of so many minutes each. */
function grouped(minutes: readonly Minute[], size: number): readonly Minute[] {
  return Array.from({ length: Math.ceil(minutes.length / size) }, (_, n) => {
    const part = minutes.slice(n * size, (n + 1) * size);
    const sum = (series: Series): number => part.reduce((total, one) => total + one[series], 0);
    const [requests, published, suppressed] = [
      sum('requests'),
      sum('published'),
      sum('suppressed'),
    ];
    const [delivered, failed] = [sum('delivered'), sum('failed')];
    return { at: part[0]?.at ?? 0, requests, published, suppressed, delivered, failed };
  });
}

/** The times below a chart: text inside of it would be stretched with the bars. */
function ends(minutes: readonly Minute[]): Markup {
  const at = (minute: Minute | undefined): Markup => {
    const iso = new Date(minute?.at ?? 0).toISOString();
    return html`<time datetime="${iso}" title="${iso}" data-short>${iso.slice(11, 16)} UTC</time>`;
  };
  const middle = minutes[Math.floor(minutes.length / 2)];
  return html`<p class="ends">${at(minutes[0])} ${at(middle)} ${at(minutes.at(-1))}</p>`;
}
