// The page for a token, and the page of a problem.
import { html, to, type View } from '../markup.ts';
import type { Page } from '../layout.ts';

export function loginPage(view: View, wasRefused: boolean): Page {
  const { texts } = view;
  return {
    title: texts.login.title,
    body: html`<p>${texts.login.how}</p>
      <pre><code>tocsin token create --for "me" --service --scopes console:read,console:act</code></pre>
      ${wasRefused ? html`<p class="notice failed" role="alert">${texts.login.refused}</p>` : ''}
      <form class="stack" method="post" action="${to(view, '/enter')}">
        <input type="hidden" name="back" value="${view.here}" />
        <label>
          <span>${texts.login.token}</span>
          <input name="token" type="password" autocomplete="off" maxlength="512" required />
        </label>
        <button class="primary">${texts.login.enter}</button>
      </form>`,
  };
}

/** A value of the address that cannot be meant. */
export type QueryFault = {
  readonly field: string;
  readonly value: string;
  readonly kind: 'long' | 'choice' | 'time' | 'place';
};

export function queryFaultPage(view: View, { field, value, kind }: QueryFault): Page {
  const { texts } = view;
  return {
    title: texts.problem.invalid,
    body: html`<p><code>${field}</code>: <code>${value}</code></p>
      <p>${texts.queryFaults[kind]}</p>
      <p><a href="${to(view, '')}">${texts.backToNow}</a></p>`,
  };
}

export function problemPage(view: View, title: string, advice: string): Page {
  return {
    title,
    body: html`<p>${advice}</p>
      <p><a href="${to(view, '')}">${view.texts.backToNow}</a></p>`,
  };
}
