// What a user got and did not get: an axis of time per trigger type, and the list beneath it.
import type { ChannelView } from '../../kernel/channels/view.ts';
import type { RequestPage } from '../../projections/audit/history/requests.ts';
import type { Page } from '../layout.ts';
import {
  choice,
  empty,
  field,
  html,
  table,
  to,
  userPath,
  type Markup,
  type View,
} from '../markup.ts';
import { forgetSection } from './forget.ts';
import { pager, requestTable, type RequestRow } from './notifications.ts';
import { userAxis, type Band } from './user-axis.ts';

export const SPANS = { day: 86_400_000, week: 7 * 86_400_000, month: 31 * 86_400_000 } as const;

export type Span = keyof typeof SPANS;

export type UserModel = Pick<RequestPage, 'next' | 'searched'> & {
  readonly user: string;
  readonly requests: readonly RequestRow[];
  readonly bands: readonly Band[];
  readonly channels: readonly ChannelView[] | undefined;
  readonly from: number;
  readonly span: Span;
  readonly before: string | undefined;
  /** False where this process has no vault. */
  readonly canForget: boolean;
};

export function userPage(view: View, model: UserModel): Page {
  const { texts } = view;
  const { user, requests, span, from, next, before, channels } = model;
  const path = userPath(view, user).slice(view.base.length);
  const at = (instant: number) => ({ span, from: new Date(instant).toISOString() });
  const body = html`<form class="filters" action="${userPath(view, user)}">
      ${choice(
        texts.user.span,
        'span',
        (['day', 'week', 'month'] as const).map((each) => [each, texts.user.spans[each]]),
        span,
      )}
      ${field(texts.from, 'from', new Date(from).toISOString().replace(/\.\d{3}/, ''))}
      <button class="primary">${texts.show}</button>
      <a class="button" href="${to(view, path, at(from - SPANS[span]))}">${texts.user.earlier}</a>
      <a class="button" href="${to(view, path, at(from + SPANS[span]))}">${texts.user.later}</a>
    </form>
    <section>
      <h2>${texts.user.axis}</h2>
      ${userAxis(view, { ...model, until: from + SPANS[span] })}
    </section>
    <section>
      <h2>${texts.sections.notifications}</h2>
      ${
        requests.length === 0
          ? empty(texts.list.none, texts.user.noneAdvice)
          : requestTable(view, requests)
      }
      ${pager(view, path, { ...at(from), before }, next)}
    </section>
    ${channels === undefined ? '' : channelSection(view, channels)}
    ${forgetSection(view, user, model.canForget)}`;
  return { title: texts.user.title(user), section: 'notifications', body };
}

function channelSection(view: View, channels: readonly ChannelView[]): Markup {
  const { texts } = view;
  const rows = channels.map((channel) =>
    channel.configured
      ? html`<tr>
          <td>${channel.channel}</td>
          <td>${channel.kind}</td>
          <td>${channel.enabled ? texts.user.on : texts.user.off}</td>
          <td><code>${channel.urlMask}</code></td>
        </tr>`
      : html``,
  );
  const head = [texts.columns.channel, texts.columns.kind, texts.now.state, texts.user.address];
  return html`<section>
    <h2>${texts.user.channels}</h2>
    ${rows.length === 0 ? html`<p>${texts.user.noChannel}</p>` : table(texts.user.channels, head, rows)}
  </section>`;
}
