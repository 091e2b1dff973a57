// A browser of the log's events. The personal part of an event is not shown.
import { isUnreadable, type RecordedEvent } from '../../domain/core/recorded-event.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import type { Page } from '../layout.ts';
import { empty, field, html, to, type Markup, type View } from '../markup.ts';

export type StreamsModel = {
  /** Absent: the events of all streams, newest first. */
  readonly stream: string | undefined;
  readonly events: readonly RecordedEvent[];
  /** The address parameters of the next page; null at the end. */
  readonly next: Readonly<Record<string, string>> | null;
};

export function streamsPage(view: View, { stream, events, next }: StreamsModel): Page {
  const { texts } = view;
  const path = stream === undefined ? '/streams' : streamPath(stream);
  const body = html`<form class="filters" action="${to(view, '/streams')}">
      ${field(texts.columns.stream, 'stream', stream)}
      <button class="primary">${texts.show}</button>
      <a class="button" href="${to(view, '/streams')}">${texts.streams.all}</a>
    </form>
    ${
      events.length === 0
        ? empty(texts.streams.none, texts.streams.noneAdvice)
        : html`<ol class="events">
            ${events.map((event) => eventOf(view, event))}
          </ol>`
    }
    <p class="pager">
      ${next === null ? '' : html`<a rel="next" href="${to(view, path, next)}">${texts.nextPage}</a>`}
    </p>`;
  return { title: stream ?? texts.sections.streams, section: 'streams', body };
}

function eventOf(view: View, event: RecordedEvent): Markup {
  const { stream, revision, type, position } = event;
  return html`<li>
    <details>
      <summary>
        <strong>${type}</strong>
        <span class="quiet">#${revision} · ${formatPosition(position)}</span>
      </summary>
      <p><a href="${to(view, streamPath(stream), { from: String(revision) })}">${stream}</a></p>
      ${rawEvent(view, event)}
    </details>
  </li>`;
}

/** Data and metadata as text. */
export function rawEvent(
  { texts }: View,
  { data, metadata }: Pick<RecordedEvent, 'data' | 'metadata'>,
): Markup {
  return html`<h2>${texts.streams.data}</h2>
    <pre tabindex="0"><code>${textOf(data)}</code></pre>
    <h2>${texts.streams.metadata}</h2>
    <pre tabindex="0"><code>${textOf(metadata)}</code></pre>`;
}

const HIDDEN = '(personal data, not shown)';

function textOf(value: RecordedEvent['data']): string {
  if (isUnreadable(value)) return new TextDecoder().decode(value.unreadable.slice(0, 4_096));
  return JSON.stringify(value, (key, inner: unknown) => (key === 'personal' ? HIDDEN : inner), 2);
}

function streamPath(stream: string): string {
  return `/streams/${encodeURIComponent(stream)}`;
}
