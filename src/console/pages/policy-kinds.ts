// Each kind of policy with a small drawing: the same requests, and which of them are let through.
import { exampleOf } from './policy-example.ts';
import { POLICY_FORMS, POLICY_OPTIONS } from '../../domain/policy/text.ts';
import { html, type Markup, type View } from '../markup.ts';

const KINDS = ['tumbling', 'anchored', 'rolling', 'session', 'none'] as const;

const WIDTH = 300;

export function policyKinds(view: View): Markup {
  const { texts } = view;
  return html`<details>
    <summary>${texts.policies.kinds}</summary>
    <ul class="kinds">
      ${KINDS.map(
        (kind, at) =>
          html`<li>
            <p><code>${POLICY_FORMS[at]}</code></p>
            <p>${texts.policies.explained[kind]}</p>
            ${drawing(view, kind)}
          </li>`,
      )}
    </ul>
    <p>${texts.policies.options} <code>${POLICY_OPTIONS}</code></p>
  </details>`;
}

function drawing(view: View, kind: (typeof KINDS)[number]): Markup {
  const { texts } = view;
  const { bands, marks } = exampleOf(kind);
  const label = texts.policies.explained[kind];
  return html`<svg viewBox="0 0 ${WIDTH} 40" role="img" aria-label="${label}">
    ${bands.map(
      ([start, end]) =>
        html`<rect
          class="window"
          x="${start}"
          y="6"
          width="${Math.max(1, end - start)}"
          height="28"
        />`,
    )}
    <line class="axis" x1="0" x2="${WIDTH}" y1="20" y2="20" />
    ${marks.map(({ at, isSent }) =>
      isSent
        ? html`<g class="mark holder"><circle cx="${at}" cy="20" r="5" /></g>`
        : html`<g class="mark suppressed"
            ><path d="M ${at - 4} 16 L ${at + 4} 24 M ${at - 4} 24 L ${at + 4} 16"
          /></g>`,
    )}
  </svg>`;
}
