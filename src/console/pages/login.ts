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

export function problemPage(view: View, title: string, advice: string): Page {
  return {
    title,
    body: html`<p>${advice}</p>
      <p><a href="${to(view, '')}">${view.texts.backToNow}</a></p>`,
  };
}
