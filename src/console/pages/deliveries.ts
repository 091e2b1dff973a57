// The list of deliveries by channel and reason, and redriving some of them.
import { DELIVERY_STATUSES } from '../../domain/delivery/effects.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import type {
  DeliveryGroup,
  ListedDelivery,
} from '../../kernel/processes/delivery/delivery-index.ts';
import type { RedriveCounts } from '../../kernel/processes/delivery/redrive-matching.ts';
import type { Page } from '../layout.ts';
import {
  choice,
  code,
  empty,
  field,
  html,
  proof,
  statusBadge,
  storyPath,
  table,
  time,
  to,
  userLink,
  type Markup,
  type View,
} from '../markup.ts';
import { pager } from './notifications.ts';

export type DeliveriesModel = {
  /** `undefined`: no worker has made the list yet. */
  readonly list:
    | { readonly rows: readonly ListedDelivery[]; readonly groups: readonly DeliveryGroup[] }
    | undefined;
  readonly next: string | null;
  readonly filter: Readonly<Record<string, string | undefined>>;
  /** What a redrive of this filter would do, where the reader asked for it. */
  readonly tried: RedriveCounts | undefined;
};

export function deliveriesPage(view: View, model: DeliveriesModel): Page {
  const { texts } = view;
  const { list, filter, next } = model;
  const title = texts.sections.deliveries;
  if (list === undefined) {
    return {
      title,
      section: 'deliveries',
      body: empty(texts.deliveries.noList, texts.deliveries.noListAdvice),
    };
  }
  const isSince = filter['from'] !== undefined && !filter['status'] && !filter['user'];
  const body = html`${filterForm(view, filter)}
  ${
    list.rows.length === 0
      ? empty(texts.deliveries.none, texts.list.noneAdvice)
      : deliveryTable(view, list.rows)
  }
  ${pager(view, '/deliveries', filter, next)} ${groupSection(view, list.groups, isSince)}
  ${redriveSection(view, model)}`;
  return { title, section: 'deliveries', body };
}

function filterForm(view: View, filter: DeliveriesModel['filter']): Markup {
  const { texts } = view;
  const statuses = DELIVERY_STATUSES.map(
    (status) => [status, texts.statuses[status] ?? status] as const,
  );
  return html`<form class="filters" action="${to(view, '/deliveries')}">
    ${choice(texts.now.state, 'status', [['', texts.any], ...statuses], filter['status'])}
    ${field(texts.columns.channel, 'channel', filter['channel'])}
    ${field(texts.columns.reason, 'reason', filter['reason'])}
    ${field(texts.columns.user, 'user', filter['user'])}
    ${field(texts.from, 'from', filter['from'], { placeholder: '2026-04-30' })}
    <button class="primary">${texts.filter}</button>
    <a class="button" href="${to(view, '/deliveries')}">${texts.clear}</a>
  </form>`;
}

function deliveryTable(view: View, rows: readonly ListedDelivery[]): Markup {
  const { texts } = view;
  const { columns } = texts;
  const head = [
    columns.changed,
    columns.user,
    columns.type,
    columns.channel,
    texts.now.state,
    columns.reason,
    { number: columns.attempts },
  ];
  return table(
    texts.sections.deliveries,
    head,
    rows.map(
      (row) =>
        html`<tr>
          <td>
            <a href="${storyPath(view, row.notificationId)}"
              >${time(formatInstant(row.changedAt))}</a
            >
          </td>
          <td>${userLink(view, row.userId)}</td>
          <td>${row.triggerType}</td>
          <td>${row.channel}</td>
          <td>${statusBadge(view, row.status)}</td>
          <td>${row.reason === null ? '–' : code(row.reason, texts.deliveryReasons)}</td>
          <td class="number">${row.attempts}</td>
        </tr>`,
    ),
  );
}

function groupSection(
  view: View,
  groups: readonly DeliveryGroup[],
  isSince: boolean,
): Markup | string {
  const { texts } = view;
  if (groups.length === 0) return '';
  const head = [
    texts.now.state,
    texts.columns.channel,
    texts.columns.reason,
    { number: texts.deliveries.count },
  ];
  const rows = groups.map(({ status, channel, reason, count }) => {
    const href = to(view, '/deliveries', { status, channel, reason });
    return html`<tr>
      <td>${statusBadge(view, status)}</td>
      <td>${channel}</td>
      <td>${reason === null ? '–' : code(reason, texts.deliveryReasons)}</td>
      <td class="number"><a href="${href}">${count}</a></td>
    </tr>`;
  });
  return html`<section>
    <h2>${texts.deliveries.groups}</h2>
    ${table(texts.deliveries.groups, head, rows)}
    ${isSince ? html`<p class="quiet">${texts.deliveries.groupsSince}</p>` : ''}
  </section>`;
}

function redriveSection(view: View, { filter, tried }: DeliveriesModel): Markup | string {
  const { texts, mayAct } = view;
  const { status } = filter;
  if (!mayAct || (status !== 'dead' && status !== 'skipped')) return '';
  const hidden = ['status', 'channel', 'reason', 'user', 'from'].map(
    (name) => html`<input type="hidden" name="${name}" value="${filter[name] ?? ''}" />`,
  );
  return html`<section>
    <h2>${texts.redrive.title}</h2>
    <p>${texts.redrive.how}</p>
    ${
      tried === undefined
        ? html`<form class="filters" action="${to(view, '/deliveries')}">
            ${hidden} <input type="hidden" name="try" value="1" />
            <button>${texts.redrive.count}</button>
          </form>`
        : html`<p role="status">
              ${texts.redrive.would(tried.matched, tried.redriven)}
              ${tried.nextBefore === undefined ? '' : texts.redrive.moreMatch}
            </p>
            ${tried.redriven === 0 ? html`<p>${texts.redrive.noneMatch}</p>` : sendForm()}`
    }
  </section>`;

  function sendForm(): Markup {
    return html`<form class="filters" method="post" action="${to(view, '/deliveries/redrive')}">
      ${proof(view)} ${hidden} ${field(texts.reason, 'why', '', { required: true })}
      <button class="primary">${texts.redrive.many}</button>
    </form>`;
  }
}
