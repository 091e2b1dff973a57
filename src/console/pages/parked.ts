// Events that the projection could not act on, and what an operator can do about them.
import type { ParkedEvent, ParkedView } from '../../kernel/parked.ts';
import type { Page } from '../layout.ts';
import {
  code,
  empty,
  facts,
  field,
  html,
  proof,
  table,
  to,
  type Markup,
  type View,
} from '../markup.ts';
import { rawEvent } from './streams.ts';

export type ParkedModel = {
  readonly parked: readonly ParkedView[];
  /** How many are parked in all, and before this page. */
  readonly total: number;
  readonly from: number;
};

export function parkedPage(view: View, { parked, total, from }: ParkedModel): Page {
  const { texts } = view;
  const { columns } = texts;
  const rows = parked.map(
    (row) =>
      html`<tr>
        <td>
          <a href="${eventPath(view, row.event)}"><code>${row.event}</code></a>
        </td>
        <td>${row.type}</td>
        <td>${code(row.code, texts.reasons)}</td>
        <td lang="en">${row.detail}</td>
        <td><code>${row.position}</code></td>
      </tr>`,
  );
  const head = [columns.event, columns.type, columns.reason, columns.detail, columns.position];
  const body =
    rows.length === 0
      ? empty(texts.parked.none, texts.parked.noneAdvice)
      : html`<p>${texts.parked.what}</p>
          <p>${texts.parked.shown(from + 1, from + rows.length, total)}</p>
          ${table(texts.sections.parked, head, rows)}
          <p class="pager">
            ${from === 0 ? '' : html`<a href="${to(view, '/parked')}">${texts.firstPage}</a>`}
            ${
              from + rows.length >= total
                ? ''
                : html`<a rel="next" href="${to(view, '/parked', { from: from + rows.length })}"
                    >${texts.nextPage}</a
                  >`
            }
          </p>`;
  return { title: texts.sections.parked, section: 'parked', body };
}

export function parkedEventPage(view: View, event: ParkedEvent): Page {
  const { texts, mayAct } = view;
  const { columns } = texts;
  const stream = to(view, `/streams/${encodeURIComponent(event.stream)}`, { from: event.revision });
  const body = html`${facts([
    [columns.event, html`<code>${event.event}</code>`],
    [columns.type, event.type],
    [columns.reason, code(event.code, texts.reasons)],
    [columns.detail, html`<span lang="en">${event.detail}</span>`],
    [columns.stream, html`<a href="${stream}">${event.stream} #${event.revision}</a>`],
    [columns.position, html`<code>${event.position}</code>`],
  ])}
  ${event.raw === null ? html`<p>${texts.parked.noRaw}</p>` : rawEvent(view, event.raw)}
  ${mayAct ? actions(view, event.event) : ''}`;
  return { title: texts.parked.title, section: 'parked', body };
}

function actions(view: View, event: string): Markup {
  const { texts } = view;
  return html`<section>
    <h2>${texts.parked.decide}</h2>
    <p>${texts.parked.decideHow}</p>
    <form class="filters" method="post" action="${eventPath(view, event)}">
      ${proof(view)} ${field(texts.reason, 'reason', '', { required: true })}
      <button class="primary" name="action" value="retry">${texts.parked.retry}</button>
      <button class="danger" name="action" value="drop">${texts.parked.drop}</button>
    </form>
  </section>`;
}

function eventPath(view: View, event: string): string {
  return to(view, `/parked/${encodeURIComponent(event)}`);
}
