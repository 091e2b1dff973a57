// Small parts of pages. All values are escaped by the template, so no page can forget it.
import { html } from 'hono/html';
import type { Texts } from './texts.ts';

export { html };

/** Escaped markup. */
export type Markup = ReturnType<typeof html>;

/** What every page needs to know of its request. */
export type View = {
  readonly texts: Texts;
  readonly lang: string;
  /** The path of the console, such as `/console`; without a slash at its end. */
  readonly base: string;
  /** The path and query of this page, for links back to it. */
  readonly here: string;
  /** Proves that a form comes from a page of this session. */
  readonly csrf: string;
  /** True when the session may change something. */
  readonly mayAct: boolean;
  /** The result of the last action. */
  readonly notice?: Notice | undefined;
};

export type Notice = { readonly kind: 'done' | 'failed'; readonly text: string };

export type Params = Readonly<Record<string, string | number | undefined | null>>;

/** An address of the console; empty values are left out. */
export function to(view: Pick<View, 'base'>, path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return `${view.base}${path}${text === '' ? '' : `?${text}`}`;
}

/** The address of the story of a trigger, preview or notification. */
export function storyPath(view: Pick<View, 'base'>, id: string): string {
  return to(view, `/story/${encodeURIComponent(id)}`);
}

export function userPath(view: Pick<View, 'base'>, user: string): string {
  return to(view, `/users/${encodeURIComponent(user)}`);
}

/** An instant in UTC; the script of the page shows it in the reader's zone, with UTC on hover. */
export function time(iso: string | null): Markup | string {
  if (iso === null) return '–';
  return html`<time datetime="${iso}" title="${iso}">${utcText(iso)}</time>`;
}

export function utcText(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

/** The times at both ends of a drawing. Text inside of it would grow and shrink with the drawing. */
export function ends(from: number, until: number): Markup {
  const at = (instant: number) => time(new Date(instant).toISOString());
  return html`<p class="ends">${at(from)} ${at(until)}</p>`;
}

export function userLink(view: View, user: string | null): Markup | string {
  return user === null ? '–' : html`<a href="${userPath(view, user)}">${user}</a>`;
}

/** A code with its meaning in the reader's language, where the catalogue has it. */
export function code(text: string, labels: Readonly<Record<string, string>>): Markup {
  const label = labels[text];
  return label === undefined
    ? html`<code>${text}</code>`
    : html`<span>${label}</span> <code class="quiet">${text}</code>`;
}

export function verdictBadge({ texts }: View, verdict: string): Markup {
  return html`<span class="badge ${verdict}">${texts.verdicts[verdict] ?? verdict}</span>`;
}

export function statusBadge({ texts }: View, status: string): Markup {
  return html`<span class="badge ${status}">${texts.statuses[status] ?? status}</span>`;
}

/** What an empty list shows, and what to do about it. */
export function empty(title: string, advice: string): Markup {
  return html`<div class="empty">
    <p><strong>${title}</strong></p>
    <p>${advice}</p>
  </div>`;
}

/** The title of a column; that of numbers stands on the right, as they do. */
export type Head = string | { readonly number: string };

/** A table in a box that scrolls by itself on a narrow screen; it can be reached by the keyboard. */
export function table(label: string, head: readonly Head[], rows: readonly Markup[]): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${head.map((title) =>
            typeof title === 'string'
              ? html`<th scope="col">${title}</th>`
              : html`<th scope="col" class="number">${title.number}</th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** The hidden fields of a form that changes something. */
export function proof(view: View): Markup {
  return html`<input type="hidden" name="csrf" value="${view.csrf}" />
    <input type="hidden" name="back" value="${view.here}" />`;
}

export function field(
  label: string,
  name: string,
  value: string | undefined,
  more: { readonly placeholder?: string; readonly required?: boolean; readonly list?: string } = {},
): Markup {
  const { placeholder = '', required = false, list } = more;
  return html`<label>
    <span>${label}</span>
    <input
      name="${name}"
      value="${value ?? ''}"
      placeholder="${placeholder}"
      maxlength="256"
      ${required ? 'required' : ''}
      ${list === undefined ? '' : html`list="${list}"`}
    />
  </label>`;
}

export function choice(
  label: string,
  name: string,
  options: readonly (readonly [value: string, label: string])[],
  chosen: string | undefined,
): Markup {
  return html`<label>
    <span>${label}</span>
    <select name="${name}">
      ${options.map(
        ([value, text]) =>
          html`<option value="${value}" ${value === (chosen ?? '') ? 'selected' : ''}>
            ${text}
          </option>`,
      )}
    </select>
  </label>`;
}

/** Name and value, as a list that a narrow screen can wrap. */
export function facts(
  entries: readonly (readonly [name: string, value: Markup | string])[],
): Markup {
  return html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}
