// The list of requests for notifications, with its filters in the address.
import type { ListedRequest, RequestPage } from '../../projections/audit/history/requests.ts';
import type { Page } from '../layout.ts';
import {
  choice,
  code,
  empty,
  field,
  html,
  statusBadge,
  storyPath,
  table,
  time,
  to,
  userLink,
  verdictBadge,
  type Markup,
  type Params,
  type View,
} from '../markup.ts';

/** A request, with the status of its delivery where a worker has accepted it. */
export type RequestRow = ListedRequest & { readonly status: string | null };

export type NotificationsModel = Omit<RequestPage, 'requests'> & {
  readonly requests: readonly RequestRow[];
  /** The filters as the address has them. */
  readonly filter: Readonly<Record<string, string | undefined>>;
  readonly types: readonly string[];
};

export function notificationsPage(view: View, model: NotificationsModel): Page {
  const { texts } = view;
  const { requests, next, searched, filter } = model;
  const body = html`${filterForm(view, model)}
    ${
      requests.length === 0
        ? empty(
            texts.list.none,
            next === null ? texts.list.noneAdvice : texts.list.searched(searched),
          )
        : requestTable(view, requests)
    }
    ${pager(view, '/notifications', filter, next)}
    <p class="quiet">
      <a href="${to(view, '/notifications.json', filter)}">${texts.asJson}</a>
    </p>`;
  return { title: texts.sections.notifications, section: 'notifications', body };
}

export function requestTable(view: View, requests: readonly RequestRow[]): Markup {
  const { texts } = view;
  const { columns } = texts;
  const head = [columns.when, columns.user, columns.type, columns.target, columns.channel];
  const rest = [columns.verdict, columns.reason, columns.delivery];
  return table(texts.sections.notifications, [...head, ...rest], requests.map(rowOf));

  function rowOf(row: RequestRow): Markup {
    const when = time(row.happenedAt ?? row.windowStart);
    return html`<tr>
      <td>
        ${
          row.triggerId === null
            ? when
            : html`<a href="${storyPath(view, row.triggerId)}">${when}</a>`
        }
      </td>
      <td>${userLink(view, row.userId)}</td>
      <td>${row.triggerType ?? '–'}</td>
      <td>${row.targetType === null ? '–' : `${row.targetType} ${row.targetId ?? ''}`}</td>
      <td>${row.channel ?? '–'}</td>
      <td>${verdictBadge(view, row.verdict)}</td>
      <td>${code(row.reason, texts.reasons)}</td>
      <td>${row.status === null ? '–' : statusBadge(view, row.status)}</td>
    </tr>`;
  }
}

/** Links to the first and the next page. */
export function pager(view: View, path: string, filter: Params, next: string | null): Markup {
  const { texts } = view;
  const isFirst = filter['before'] === undefined || filter['before'] === '';
  return html`<p class="pager">
    ${
      isFirst
        ? ''
        : html`<a href="${to(view, path, { ...filter, before: undefined })}">${texts.firstPage}</a>`
    }
    ${
      next === null
        ? ''
        : html`<a rel="next" href="${to(view, path, { ...filter, before: next })}"
            >${texts.nextPage}</a
          >`
    }
  </p>`;
}

function filterForm(view: View, { filter, types }: NotificationsModel): Markup {
  const { texts } = view;
  const { columns } = texts;
  const any = ['', texts.any] as const;
  return html`<form class="filters" action="${to(view, '/notifications')}">
    ${field(columns.user, 'user', filter['user'])}
    ${choice(
      columns.type,
      'type',
      [any, ...types.map((type) => [type, type] as const)],
      filter['type'],
    )}
    ${choice(columns.verdict, 'verdict', [any, ...entriesOf(texts.verdicts)], filter['verdict'])}
    ${choice(columns.reason, 'reason', [any, ...entriesOf(texts.reasons)], filter['reason'])}
    ${field(columns.targetType, 'target_type', filter['target_type'])}
    ${field(columns.target, 'target', filter['target'])}
    ${field(columns.channel, 'channel', filter['channel'])}
    ${choice(columns.delivery, 'status', [any, ...entriesOf(texts.statuses)], filter['status'])}
    ${field(texts.from, 'from', filter['from'], { placeholder: '2026-04-30' })}
    ${field(texts.until, 'to', filter['to'], { placeholder: '2026-05-31' })}
    <button class="primary">${texts.filter}</button>
    <a class="button" href="${to(view, '/notifications')}">${texts.clear}</a>
  </form>`;
}

function entriesOf(
  labels: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  return Object.entries(labels);
}
