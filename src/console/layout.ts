// The frame of all pages: head, navigation, search, language, and the result of the last action.
import { raw } from 'hono/html';
import { html, to, type Markup, type View } from './markup.ts';
import { LANGUAGES } from './texts.ts';

export type Page = {
  readonly title: string;
  /** Which entry of the navigation is the current one. */
  readonly section?: string;
  readonly body: Markup;
};

/** Apart from its template: the bundler would rewrite a template with this text, by a helper of its own package. */
const SCRIPT_END = raw('</script>');

const SECTIONS = [
  ['now', ''],
  ['notifications', '/notifications'],
  ['policies', '/policies'],
  ['deliveries', '/deliveries'],
  ['parked', '/parked'],
  ['streams', '/streams'],
  ['audit', '/audit'],
] as const;

/** A whole document. Without a session it has no navigation. */
export function document(view: View, page: Page, isIn = true): Markup {
  const { texts, lang, base, notice } = view;
  return html`<!doctype html>
    <html lang="${lang}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title} · Tocsin</title>
        <link rel="icon" href="${base}/assets/icon.svg" />
        <link rel="stylesheet" href="${base}/assets/console.css" />
        <script type="module" src="${base}/assets/console.js">${SCRIPT_END}
      </head>
      <body>
        <a class="skip" href="#main">${texts.skip}</a>
        <header>
          <a class="brand" href="${to(view, '')}">Tocsin</a>
          ${isIn ? navigation(view, page.section) : ''}
          <div class="tools">${isIn ? search(view) : ''} ${languages(view)}</div>
        </header>
        <main id="main" tabindex="-1">
          ${notice && html`<p class="notice ${notice.kind}" role="status">${notice.text}</p>`}
          <h1>${page.title}</h1>
          ${page.body}
        </main>
        <footer>
          ${
            isIn
              ? html`<form method="post" action="${to(view, '/leave')}">
                  <input type="hidden" name="csrf" value="${view.csrf}" />
                  <button class="plain">${texts.leave}</button>
                </form>`
              : ''
          }
          <p>${texts.footer}</p>
        </footer>
      </body>
    </html>`;
}

function navigation(view: View, section: string | undefined): Markup {
  return html`<nav aria-label="${view.texts.navigation}">
    <ul>
      ${SECTIONS.map(
        ([name, path]) =>
          html`<li>
            <a href="${to(view, path)}" ${name === section ? html`aria-current="page"` : ''}
              >${view.texts.sections[name]}</a
            >
          </li>`,
      )}
    </ul>
  </nav>`;
}

function search(view: View): Markup {
  const { texts } = view;
  return html`<form role="search" action="${to(view, '/find')}">
    <input name="q" type="search" aria-label="${texts.search}" placeholder="${texts.search}" />
    <button>${texts.find}</button>
  </form>`;
}

function languages(view: View): Markup {
  return html`<ul class="languages" aria-label="${view.texts.language}">
    ${LANGUAGES.map(([lang, name]) => {
      const href = to(view, '/language', { to: lang, back: view.here });
      return html`<li>
        <a
          href="${href}"
          lang="${lang}"
          hreflang="${lang}"
          ${lang === view.lang ? html`aria-current="true"` : ''}
          >${name}</a
        >
      </li>`;
    })}
  </ul>`;
}
