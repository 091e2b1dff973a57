// The proof of a story: what the newest signed head covers, and the page of a proof that was made.
import type { Proof } from '../../projections/audit/proof/format.ts';
import type { Page } from '../layout.ts';
import {
  facts,
  html,
  proof as proven,
  storyPath,
  table,
  time,
  type Markup,
  type View,
} from '../markup.ts';

export type ProofOffer =
  | { readonly kind: 'no_notary' | 'no_head' }
  | {
      readonly kind: 'offered' | 'not_covered';
      /** The events of the story that the head covers, and all. */
      readonly covered: number;
      readonly events: number;
      /** When the head was signed, and its number of leaves. */
      readonly time: string;
      readonly size: number;
    };

export function proofSection(view: View, triggerId: string, offer: ProofOffer): Markup | string {
  if (offer.kind === 'no_notary') return '';
  const { texts } = view;
  return html`<section>
    <h2>${texts.proof.title}</h2>
    <p>${texts.proof.what}</p>
    ${'size' in offer ? offered(view, triggerId, offer) : html`<p>${texts.proof.noHead}</p>`}
  </section>`;
}

function offered(
  view: View,
  triggerId: string,
  { kind, covered, events, time: signedAt, size }: Extract<ProofOffer, { readonly size: number }>,
): Markup {
  const { texts } = view;
  const head = facts([
    [texts.proof.head, time(signedAt)],
    [texts.proof.leaves, String(size)],
    [texts.proof.covers, texts.proof.covered(covered, events)],
  ]);
  if (kind === 'not_covered')
    return html`${head}
      <p>${texts.proof.notCovered}</p>`;
  return html`${head} ${covered < events ? html`<p>${texts.proof.partly}</p>` : ''}
    <form method="post" action="${storyPath(view, triggerId)}/proof">
      ${proven(view)}
      <button>${texts.proof.make}</button>
    </form>`;
}

/** @param href where the file is */
export function proofPage(view: View, triggerId: string, made: Proof, href: string): Page {
  const { texts } = view;
  const { columns } = texts;
  const rows = made.events.map(
    ({ leaf, event }) =>
      html`<tr>
        <td class="number">${leaf}</td>
        <td>${texts.events[event.type] ?? event.type}</td>
        <td>${event.stream} #${event.revision}</td>
      </tr>`,
  );
  const body = html`<p class="notice done">${texts.proof.made}</p>
    <p><a class="button primary" href="${href}" download>${texts.proof.download}</a></p>
    ${facts([
      [texts.proof.head, time(made.head.time)],
      [texts.proof.leaves, String(made.head.size)],
    ])}
    ${table(texts.proof.title, [{ number: texts.proof.leaf }, columns.event, columns.stream], rows)}
    <p>${texts.proof.check}</p>
    <pre tabindex="0"><code>tocsin verify-proof proof.json --key notary-keys.json</code></pre>
    <p><a href="${storyPath(view, triggerId)}">${texts.proof.back}</a></p>`;
  return { title: texts.proof.title, section: 'notifications', body };
}
