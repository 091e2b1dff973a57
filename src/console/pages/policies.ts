// Policies in force and their history, the forms that change them, and the form that tries one.
import { ANY_TYPE } from '../../domain/policy/in-force.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPolicy } from '../../domain/policy/text.ts';
import type { PolicyView } from '../../kernel/control/policies.ts';
import type { PolicyHistoryEntry } from '../../kernel/control/policy-history.ts';
import type { Page } from '../layout.ts';
import { choice, field, html, proof, table, time, to, type Markup, type View } from '../markup.ts';
import { policyKinds } from './policy-kinds.ts';

export type PoliciesModel = {
  readonly inForce: PolicyView;
  readonly history: readonly PolicyHistoryEntry[];
  readonly types: readonly string[];
};

export function policiesPage(view: View, model: PoliciesModel): Page {
  const { texts, mayAct } = view;
  const body = html`<section>
      <h2>${texts.policies.inForce}</h2>
      ${inForceTable(view, model)}
    </section>
    <section>
      <h2>${texts.policies.try}</h2>
      <p>${texts.policies.tryHow}</p>
      <form class="filters" method="post" action="${to(view, '/policies/try')}">
        ${proof(view)} ${typeChoice(view, model.types)} ${policyField(view, '')}
        <button class="primary">${texts.policies.tryButton}</button>
      </form>
      ${policyKinds(view)}
    </section>
    ${mayAct ? changeSection(view, model.types) : ''}
    <section>
      <h2>${texts.policies.history}</h2>
      ${historyTable(view, model.history)}
    </section>`;
  return { title: texts.sections.policies, section: 'policies', body };
}

function inForceTable(view: View, { inForce, types }: PoliciesModel): Markup {
  const { texts } = view;
  const { policies, mutes } = inForce;
  const all = [...new Set([...types, ...Object.keys(policies), ...Object.keys(mutes)])].sort();
  const rows = all.map((type) => {
    const own = policies[type];
    const policy = own ?? policies[ANY_TYPE];
    const until = mutes[type];
    return html`<tr>
      <td>${type === ANY_TYPE ? texts.policies.others : type}</td>
      <td><code>${policy === undefined ? '–' : formatPolicy(policy)}</code></td>
      <td>${own === undefined ? texts.policies.byDefault : texts.policies.own}</td>
      <td>${until === undefined ? '–' : time(formatInstant(until))}</td>
    </tr>`;
  });
  const head = [
    texts.columns.type,
    texts.columns.policy,
    texts.policies.source,
    texts.policies.mutedUntil,
  ];
  return table(texts.policies.inForce, head, rows);
}

export function typeChoice(view: View, types: readonly string[], chosen?: string): Markup {
  const { texts } = view;
  const options = [ANY_TYPE, ...types].map(
    (type) => [type, type === ANY_TYPE ? texts.policies.others : type] as const,
  );
  return choice(texts.columns.type, 'type', options, chosen ?? ANY_TYPE);
}

export function policyField({ texts }: View, policy: string): Markup {
  return field(texts.columns.policy, 'policy', policy, {
    placeholder: 'anchored 1h on requestedAt',
    required: true,
  });
}

function changeSection(view: View, types: readonly string[]): Markup {
  const { texts } = view;
  const reason = field(texts.reason, 'reason', '', { required: true });
  return html`<section>
    <h2>${texts.policies.set}</h2>
    <form class="filters" method="post" action="${to(view, '/policies/set')}">
      ${proof(view)} ${typeChoice(view, types)} ${policyField(view, '')} ${reason}
      <button class="primary">${texts.policies.setButton}</button>
    </form>
    <h2>${texts.policies.mute}</h2>
    <p>${texts.policies.muteHow}</p>
    <form class="filters" method="post" action="${to(view, '/policies/mute')}">
      ${proof(view)} ${typeChoice(view, types)}
      ${field(texts.policies.muteFor, 'for', '1h', { required: true })} ${reason}
      <button class="danger">${texts.policies.muteButton}</button>
    </form>
    <form class="filters" method="post" action="${to(view, '/policies/unmute')}">
      ${proof(view)} ${typeChoice(view, types)} ${reason}
      <button>${texts.policies.unmuteButton}</button>
    </form>
  </section>`;
}

/** The newest changes; the API has all. */
const MAX_CHANGES = 200;

function historyTable(view: View, history: readonly PolicyHistoryEntry[]): Markup {
  const { texts } = view;
  const { columns } = texts;
  if (history.length === 0) return html`<p>${texts.policies.noHistory}</p>`;
  const rows = history
    .slice(-MAX_CHANGES)
    .toReversed()
    .map((entry) => {
      const { data, recordedAt, actor, reason } = entry;
      const what =
        'policy' in data
          ? html`<code>${formatPolicy(data.policy)}</code>`
          : 'until' in data
            ? html`${texts.policies.mutedUntil} ${time(formatInstant(data.until))}`
            : texts.policies.unmuted;
      return html`<tr>
        <td>${time(formatInstant(recordedAt))}</td>
        <td>${data.triggerType === ANY_TYPE ? texts.policies.others : data.triggerType}</td>
        <td>${what}</td>
        <td>${actor ?? '–'}</td>
        <td>${reason}</td>
      </tr>`;
    });
  const head = [columns.when, columns.type, texts.policies.change, columns.actor, texts.reason];
  return table(texts.policies.history, head, rows);
}
