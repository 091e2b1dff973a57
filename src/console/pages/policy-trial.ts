// What another policy would have done to the real history: charts before and after, and the first difference.
import { formatInstant } from '../../domain/core/instants.ts';
import { formatDuration } from '../../domain/core/durations.ts';
import { formatPolicy } from '../../domain/policy/text.ts';
import type { Policy } from '../../domain/policy/policy.ts';
import type { SimulationResult } from '../../projections/audit/simulate/simulate.ts';
import type { Page } from '../layout.ts';
import {
  code,
  field,
  html,
  proof,
  storyPath,
  table,
  time,
  to,
  userLink,
  verdictBadge,
  type Markup,
  type View,
} from '../markup.ts';

export type Trial = { readonly type: string; readonly policy: Policy };

export function trialPage(view: View, trial: Trial, result: SimulationResult): Page {
  const { texts, mayAct } = view;
  const { users } = result;
  const body = html`<p>
      ${texts.trial.summary(formatPolicy(trial.policy), result.requests, result.newlySent, result.newlySuppressed)}
    </p>
    <section>
      <h2>${texts.trial.figures}</h2>
      ${figures(view, result)}
    </section>
    <section>
      <h2>${texts.trial.days}</h2>
      ${dayChart(view, result)}
    </section>
    <section>
      <h2>${texts.trial.users}</h2>
      <p>${texts.trial.moreFewer(users.more, users.fewer, users.same)}</p>
      ${users.largest.length === 0 ? '' : usersTable(view, result)}
    </section>
    <section>
      <h2>${texts.trial.first}</h2>
      ${firstDifference(view, result)}
    </section>
    ${mayAct ? setForm(view, trial) : ''}
    <p><a href="${to(view, '/policies')}">${texts.trial.back}</a></p>`;
  return { title: texts.trial.title(trial.type), section: 'policies', body };
}

function figures(view: View, { before, after }: SimulationResult): Markup {
  const { texts } = view;
  const silence = (side: typeof before): string =>
    side.longestSilence === undefined ? '–' : formatDuration(side.longestSilence.ms);
  const rows = (
    [
      [texts.verdicts['published'] ?? '', before.published, after.published],
      [texts.verdicts['suppressed'] ?? '', before.suppressed, after.suppressed],
      [texts.trial.notified, before.usersNotified, after.usersNotified],
      [texts.trial.silence, silence(before), silence(after)],
      [texts.trial.peak, before.peakMinute?.notices ?? 0, after.peakMinute?.notices ?? 0],
    ] as const
  ).map(
    ([name, one, other]) =>
      html`<tr>
        <td>${name}</td>
        <td class="number">${one}</td>
        <td class="number">${other}</td>
      </tr>`,
  );
  return table(
    texts.trial.figures,
    [texts.trial.figures, { number: texts.trial.before }, { number: texts.trial.after }],
    rows,
  );
}

const WIDTH = 720;
const HEIGHT = 120;
/** Beyond so many days, several days share a pair of bars. */
const MAX_BARS = 120;

function dayChart(view: View, { days }: SimulationResult): Markup {
  const { texts } = view;
  if (days.length === 0) return html`<p>${texts.trial.noDays}</p>`;
  const bars = grouped(days);
  const peak = Math.max(1, ...bars.flatMap(({ before, after }) => [before, after]));
  const width = WIDTH / bars.length;
  const y = (count: number): number => Math.round((count / peak) * HEIGHT * 10) / 10;
  const first = formatInstant(bars[0]?.day ?? 0).slice(0, 10);
  const last = formatInstant(days.at(-1)?.day ?? 0).slice(0, 10);
  const label = texts.trial.chart(first, last, peak);
  return html`<figure class="chart">
    <figcaption>
      ${label} <span class="key"><i class="before"></i> ${texts.trial.before}</span>
      <span class="key"><i class="after"></i> ${texts.trial.after}</span>
    </figcaption>
    <svg
      class="tall"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      aria-label="${label}"
    >
      ${bars.map(
        ({ day, before, after }, at) =>
          html`<g
            ><title>${formatInstant(day).slice(0, 10)}: ${before} → ${after}</title
            ><rect
              class="before"
              x="${(at * width).toFixed(2)}"
              y="${HEIGHT - y(before)}"
              width="${(width * 0.45).toFixed(2)}"
              height="${y(before)}" /><rect
              class="after"
              x="${((at + 0.45) * width).toFixed(2)}"
              y="${HEIGHT - y(after)}"
              width="${(width * 0.45).toFixed(2)}"
              height="${y(after)}"
          /></g>`,
      )}
    </svg>
  </figure>`;
}

function grouped(days: SimulationResult['days']): SimulationResult['days'] {
  const size = Math.ceil(days.length / MAX_BARS);
  const bars: SimulationResult['days'][number][] = [];
  for (let at = 0; at < days.length; at += size) {
    const part = days.slice(at, at + size);
    bars.push({
      day: part[0]?.day ?? 0,
      before: part.reduce((sum, { before }) => sum + before, 0),
      after: part.reduce((sum, { after }) => sum + after, 0),
    });
  }
  return bars;
}

function usersTable(view: View, { users }: SimulationResult): Markup {
  const { texts } = view;
  const rows = users.largest.map(
    ({ user, before, after }) =>
      html`<tr>
        <td>${userLink(view, user)}</td>
        <td class="number">${before}</td>
        <td class="number">${after}</td>
      </tr>`,
  );
  return table(
    texts.trial.users,
    [texts.columns.user, { number: texts.trial.before }, { number: texts.trial.after }],
    rows,
  );
}

function firstDifference(view: View, { firstDifference: found }: SimulationResult): Markup {
  const { texts } = view;
  if (found === undefined) return html`<p>${texts.trial.same}</p>`;
  const side = (name: string, { verdict, reason }: typeof found.before): Markup =>
    html`<li>${name}: ${verdictBadge(view, verdict)} ${code(reason, texts.reasons)}</li>`;
  return html`<p>
      <a href="${storyPath(view, found.triggerId)}">${time(formatInstant(found.at))}</a>,
      ${texts.columns.user} ${userLink(view, found.user)}, ${found.triggerType}
    </p>
    <ul>
      ${side(texts.trial.before, found.before)} ${side(texts.trial.after, found.after)}
    </ul>`;
}

function setForm(view: View, { type, policy }: Trial): Markup {
  const { texts } = view;
  return html`<section>
    <h2>${texts.policies.set}</h2>
    <p>${texts.trial.setHow}</p>
    <form class="filters" method="post" action="${to(view, '/policies/set')}">
      ${proof(view)} <input type="hidden" name="type" value="${type}" />
      <input type="hidden" name="policy" value="${formatPolicy(policy)}" />
      ${field(texts.reason, 'reason', '', { required: true })}
      <button class="primary">${texts.policies.setButton}</button>
    </form>
  </section>`;
}
