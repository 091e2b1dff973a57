// The story of one trigger: what happened, in order; the verdict, the window drawn to scale, and the sentence.
import type { Explanation } from '../../projections/audit/explain/explain.ts';
import type { StoryLine } from '../../projections/audit/explain/lines.ts';
import type { DeliveryRow } from '../../kernel/processes/delivery/delivery-index.ts';
import type { Page } from '../layout.ts';
import {
  code,
  facts,
  field,
  html,
  proof,
  statusBadge,
  storyPath,
  table,
  time,
  to,
  userLink,
  verdictBadge,
  type Markup,
  type View,
} from '../markup.ts';
import { proofSection, type ProofOffer } from './proof.ts';
import { windowDrawing } from './window-drawing.ts';

export type StoryModel = {
  readonly explanation: Explanation;
  /** The row of the list of deliveries, where a worker has accepted the notification. */
  readonly delivery: DeliveryRow | undefined;
  readonly proof: ProofOffer;
};

export function storyPage(view: View, model: StoryModel): Page {
  const { texts } = view;
  const { explanation } = model;
  const { triggerId, sentence, asOf } = explanation;
  const own = storyPath(view, triggerId);
  const body = html`<section class="sentence">
      <p id="sentence" lang="en">
        ${asOf === null ? sentence : (asOf.sentence ?? 'At that time the log held nothing about it.')}
      </p>
      <button type="button" data-copy="sentence">${texts.story.copy}</button>
      <span class="quiet" role="status" data-copied="${texts.story.copied}"></span>
    </section>
    ${summary(view, model)} ${windowSection(view, explanation)}
    <section>
      <h2>${texts.story.events}</h2>
      ${timeline(view, explanation)}
    </section>
    ${suppressedSection(view, explanation)} ${redriveSection(view, model)}
    <section>
      <h2>${texts.story.known}</h2>
      <form class="filters" action="${own}">
        ${field(texts.story.at, 'at', asOf?.at, { placeholder: '2026-04-30T10:17:42+08:00' })}
        <button>${texts.show}</button>
        ${asOf === null ? '' : html`<a class="button" href="${own}">${texts.story.now}</a>`}
      </form>
    </section>
    ${proofSection(view, triggerId, model.proof)}
    <p class="quiet">
      <a href="${to(view, own.slice(view.base.length) + '/story.json', { at: asOf?.at })}" download
        >${texts.story.download}</a
      >
    </p>`;
  return { title: texts.story.title(explanation.triggerType), section: 'notifications', body };
}

function summary(view: View, { explanation, delivery }: StoryModel): Markup {
  const { texts } = view;
  const { decision } = explanation;
  return facts([
    [texts.columns.user, userLink(view, explanation.userId)],
    [texts.columns.trigger, html`<code>${explanation.triggerId}</code>`],
    [
      texts.columns.verdict,
      decision === null ? texts.story.undecided : verdictBadge(view, decision.verdict),
    ],
    ...(decision === null
      ? []
      : ([
          [texts.columns.reason, code(decision.reason, texts.reasons)],
          [texts.columns.policy, html`<code>${decision.policy}</code>`],
          [
            texts.columns.position,
            html`<code>${decision.position}</code> (${texts.story.ruleset} ${decision.ruleset})`,
          ],
        ] as const)),
    ...(decision === null || decision.notificationId === null
      ? []
      : ([[texts.columns.notification, html`<code>${decision.notificationId}</code>`]] as const)),
    ...(delivery === undefined
      ? []
      : ([
          [
            texts.columns.delivery,
            html`${statusBadge(view, delivery.status)}
            ${delivery.reason === null ? '' : code(delivery.reason, texts.deliveryReasons)}`,
          ],
        ] as const)),
    ...(explanation.mock ? ([[texts.story.test, texts.story.mock]] as const) : []),
  ]);
}

function windowSection(view: View, explanation: Explanation): Markup | string {
  const drawing = windowDrawing(view, explanation);
  if (drawing === undefined) return '';
  return html`<section>
    <h2>${view.texts.story.window}</h2>
    ${drawing}
  </section>`;
}

function timeline(view: View, { story, asOf }: Explanation): Markup {
  const known = new Set(asOf?.known ?? story);
  return html`<ol class="timeline">
    ${story.map((line) => lineOf(view, line, known.has(line)))}
  </ol>`;
}

function lineOf(view: View, line: StoryLine, isKnown: boolean): Markup {
  const { texts } = view;
  const { recordedAt, happenedAt } = line;
  const stream = to(view, `/streams/${encodeURIComponent(line.stream)}`, { from: line.revision });
  return html`<li class="${isKnown ? 'known' : 'later'}">
    <p>
      <strong>${texts.events[line.type] ?? line.type}</strong>
      <span class="quiet"
        >${time(recordedAt)}${line.actor === null ? '' : ` · ${texts.by} ${line.actor}`}</span
      >
    </p>
    <p lang="en">${line.text}</p>
    <p class="quiet">
      ${
        happenedAt === null || happenedAt === recordedAt
          ? ''
          : html`${texts.story.happened} ${time(happenedAt)} ·`
      }
      <a href="${stream}">${texts.story.event} ${line.position}</a>
      ${isKnown ? '' : html`· <em>${texts.story.later}</em>`}
    </p>
  </li>`;
}

function suppressedSection(view: View, explanation: Explanation): Markup | string {
  const { texts } = view;
  const { suppressed, suppressedMore } = explanation;
  if (suppressed.length === 0) return '';
  const head = [texts.columns.when, texts.columns.trigger, texts.columns.reason];
  const rows = suppressed.map(
    ({ triggerId, happenedAt, reason }) =>
      html`<tr>
        <td><a href="${storyPath(view, triggerId)}">${time(happenedAt)}</a></td>
        <td><code>${triggerId}</code></td>
        <td>${code(reason, texts.reasons)}</td>
      </tr>`,
  );
  return html`<section>
    <h2>${texts.story.behind}</h2>
    ${table(texts.story.behind, head, rows)}
    ${suppressedMore ? html`<p>${texts.story.more}</p>` : ''}
  </section>`;
}

function redriveSection(view: View, { delivery }: StoryModel): Markup | string {
  const { texts, mayAct } = view;
  const isEnded = delivery?.status === 'dead' || delivery?.status === 'skipped';
  if (delivery === undefined || !isEnded || !mayAct) return '';
  const action = to(view, `/deliveries/${encodeURIComponent(delivery.notificationId)}/redrive`);
  return html`<section>
    <h2>${texts.redrive.title}</h2>
    <form class="filters" method="post" action="${action}">
      ${proof(view)} ${field(texts.reason, 'reason', '', { required: true })}
      <button class="primary">${texts.redrive.one}</button>
    </form>
  </section>`;
}
