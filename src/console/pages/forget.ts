// Forgetting a user: what it does and cannot undo, the confirmation, and the result.
import type { Forgotten } from '../../kernel/sealing/forget.ts';
import type { Page } from '../layout.ts';
import {
  facts,
  field,
  html,
  proof,
  table,
  to,
  userPath,
  type Markup,
  type View,
} from '../markup.ts';

/** The section of a user's page: a link to the confirmation, or the command where this process cannot do it. */
export function forgetSection(view: View, user: string, canForget: boolean): Markup {
  const { texts, mayAct } = view;
  return html`<section>
    <h2>${texts.forget.title}</h2>
    <p>${texts.forget.what}</p>
    ${
      canForget && mayAct
        ? html`<p>
            <a class="button danger" href="${forgetPath(view, user)}">${texts.forget.open}</a>
          </p>`
        : html`<p>${canForget ? texts.forget.needsScope : texts.forget.noVault}</p>
            <pre tabindex="0"><code>tocsin forget --user ${shellWord(user)}</code></pre>`
    }
  </section>`;
}

export function confirmForgetPage(view: View, user: string): Page {
  const { texts } = view;
  const body = html`<p>${texts.forget.what}</p>
    <h2>${texts.forget.does}</h2>
    <ul>
      ${texts.forget.steps.map((step) => html`<li>${step}</li>`)}
    </ul>
    <h2>${texts.forget.keeps}</h2>
    <ul>
      ${texts.forget.kept.map((line) => html`<li>${line}</li>`)}
    </ul>
    <p class="notice failed">${texts.forget.forever}</p>
    <form class="stack" method="post" action="${forgetPath(view, user)}">
      ${proof(view)} ${field(texts.forget.confirm(user), 'confirm', '', { required: true })}
      <button class="danger">${texts.forget.button}</button>
    </form>
    <p><a href="${userPath(view, user)}">${texts.forget.back}</a></p>`;
  return { title: texts.forget.confirmTitle(user), section: 'notifications', body };
}

export function forgottenPage(view: View, forgotten: Forgotten): Page {
  const { texts } = view;
  const { userId, unfinished, readable, readableAt } = forgotten;
  const isDone = unfinished === undefined && readable === 0;
  const rows = readableAt.map(
    ({ stream, position }) =>
      html`<tr>
        <td>
          <a href="${to(view, `/streams/${encodeURIComponent(stream)}`)}">${stream}</a>
        </td>
        <td><code>${position}</code></td>
      </tr>`,
  );
  const body = html`<p class="notice ${isDone ? 'done' : 'failed'}" role="status">
      ${isDone ? texts.forget.done : texts.forget.partly}
    </p>
    ${
      unfinished === undefined
        ? ''
        : html`<p lang="en">${unfinished.message}. ${unfinished.hint}</p>`
    }
    ${facts([
      [texts.forget.key, forgotten.keyShredded ? texts.forget.shredded : texts.forget.noKey],
      [texts.forget.channels, String(forgotten.channelsRemoved)],
      [texts.forget.secrets, String(forgotten.secretsShredded)],
      [texts.forget.tokens, String(forgotten.tokensRevoked)],
      [texts.forget.events, String(forgotten.events)],
      [texts.forget.unreadable, String(forgotten.unreadable)],
      [texts.forget.readable, String(readable)],
    ])}
    ${readable === 0 ? '' : html`<p>${texts.forget.neverSealed}</p>`}
    ${
      rows.length === 0
        ? ''
        : table(texts.forget.readable, [texts.columns.stream, texts.columns.position], rows)
    }
    <p><a href="${userPath(view, userId)}">${texts.forget.back}</a></p>`;
  return { title: texts.forget.resultTitle(userId), section: 'notifications', body };
}

function forgetPath(view: View, user: string): string {
  return `${userPath(view, user)}/forget`;
}

/** Quoted, so that a shell takes it as one word. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_.@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
