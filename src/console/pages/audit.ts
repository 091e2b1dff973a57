// Audits from the browser: verify and replay with progress, and the export of the log.
import type { ReplayResult } from '../../projections/audit/replay/replay.ts';
import type { VerifyResult } from '../../projections/audit/verify/verify.ts';
import type { Page } from '../layout.ts';
import { facts, html, proof, table, to, type Markup, type View } from '../markup.ts';

export type AuditModel = { readonly hasMessages: boolean };

export function auditPage(view: View, { hasMessages }: AuditModel): Page {
  const { texts } = view;
  const start = (kind: 'verify' | 'replay', label: string, what: string): Markup =>
    html`<section>
      <h2>${label}</h2>
      <p>${what}</p>
      <form method="post" action="${to(view, `/audit/${kind}`)}">
        ${proof(view)}
        <button class="primary">${label}</button>
      </form>
    </section>`;
  const body = html`${hasMessages ? start('verify', texts.audit.verify, texts.audit.verifyHow) : ''}
    ${start('replay', texts.audit.replay, texts.audit.replayHow)}
    <section>
      <h2>${texts.audit.export}</h2>
      <p>${texts.audit.exportHow}</p>
      <p>
        <a class="button" href="${to(view, '/audit/export.ndjson')}" download
          >${texts.audit.exportButton}</a
        >
      </p>
    </section>`;
  return { title: texts.sections.audit, section: 'audit', body };
}

export function replayPage(view: View, result: ReplayResult): Page {
  const { texts } = view;
  return {
    title: texts.audit.replay,
    section: 'audit',
    body: html`${counts(view, result)}
    ${facts([[texts.audit.digest, html`<code>${result.dedupeKeysSha256}</code>`]])}`,
  };
}

export function verifyPage(view: View, result: VerifyResult): Page {
  const { texts } = view;
  const total = Object.values(result.mismatchCounts).reduce((sum, count) => sum + count, 0);
  const rows = result.mismatches.slice(0, 100).map(
    ({ code, where, detail, meaning, action }) =>
      html`<tr lang="en">
        <td><code>${code}</code></td>
        <td>${where}</td>
        <td>${detail}</td>
        <td>${meaning}</td>
        <td>${action}</td>
      </tr>`,
  );
  const { columns } = texts;
  const head = [
    columns.reason,
    texts.audit.where,
    columns.detail,
    texts.now.meaning,
    texts.audit.whatToDo,
  ];
  const body = html`<p class="notice ${total === 0 ? 'done' : 'failed'}">
      ${total === 0 ? texts.audit.same : texts.audit.differences(total)}
    </p>
    ${counts(view, result)}
    ${facts([
      [texts.audit.cut, html`<code>${result.cut.position}</code>`],
      [texts.audit.compared, String(result.messages.compared)],
      [texts.audit.notVerifiable, String(result.messages.notVerifiable)],
      [texts.audit.records, String(result.deliveries)],
    ])}
    ${rows.length === 0 ? '' : table(texts.audit.verify, head, rows)}`;
  return { title: texts.audit.verify, section: 'audit', body };
}

function counts(view: View, result: Omit<ReplayResult, 'dedupeKeysSha256'>): Markup {
  const { texts } = view;
  return facts([
    [texts.audit.events, String(result.events)],
    [texts.now.triggered, String(result.triggers)],
    [texts.verdicts['published'] ?? '', String(result.published)],
    [texts.verdicts['suppressed'] ?? '', String(result.suppressed)],
    [texts.verdicts['parked'] ?? '', String(result.parked)],
  ]);
}

/** A job that still runs, or that has failed. */
export function jobPage(
  view: View,
  job: { readonly title: string; readonly events: number; readonly failure: string | undefined },
): Page {
  const { texts } = view;
  const { title, events, failure } = job;
  const body =
    failure === undefined
      ? html`<p role="status" data-poll>${texts.job.running(events)}</p>
          <p><a class="button" href="${view.here}">${texts.job.look}</a></p>`
      : html`<p class="notice failed" role="alert" lang="en">${failure}</p>
          <p>${texts.job.failed}</p>`;
  return { title, section: 'audit', body };
}
