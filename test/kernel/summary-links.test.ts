// A summary with a link, from the evaluation to the message: the link is cut out, and everybody who looks is told.
import { describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../../src/domain/ports/logger.ts';
import { explain } from '../../src/projections/audit/explain/explain.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { defineTrigger, notify } from '../../src/index.ts';
import { inMemoryTocsin, memoryReadModel } from '../../src/testing.ts';
import { laterWorld } from '../support/later.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf } from '../support/world.ts';

const SUMMARY = 'INV-1 is overdue, see https://evil.example/pay or evil.example.';
const CLEAN = 'INV-1 is overdue, see or.';

const overdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  channel: 'email',
  texts: { fallback: 'An invoice is overdue.' },
  evaluate: () => notify({ summary: SUMMARY }),
});
const blank = { ...overdue, type: 'invoice_blank', summaryLinks: 'blank' } as const;

/** A logger that keeps its warnings. */
function recordedWarnings() {
  const warnings: Readonly<Record<string, unknown>>[] = [];
  const warn: Logger['warn'] = (fields) => void warnings.push(fields);
  return { warnings, logger: { ...silentLogger, warn } };
}

const about = { userId: 'ada', targetId: 'INV-1' };

describe('a link in a summary', () => {
  it('is cut out of what is stored and sent, with one warning per request', async () => {
    const { warnings, logger } = recordedWarnings();
    await using tocsin = await inMemoryTocsin({ triggers: [overdue], logger });
    const result = await tocsin.raise(overdue, about);
    expect(await tocsin.raise(overdue, about)).toMatchObject({ outcome: 'duplicate' });
    await tocsin.settle();
    expect(tocsin.sent.map(({ message }) => [message.summary, message.text])).toEqual([
      [CLEAN, CLEAN],
    ]);
    if (result.outcome !== 'raised') throw new Error(result.outcome);
    const { triggerId, previewId = '' } = result;
    expect(warnings).toEqual([{ triggerId, triggerType: 'invoice_overdue', linksRemoved: 2 }]);
    expect(await tocsin.previews.get('ada', previewId)).toMatchObject({
      summary: CLEAN,
      linksRemoved: 2,
    });
    const verdicts = memoryReadModel();
    await replay(tocsin.store, verdicts, 'tocsin');
    const sources = { log: tocsin.store, kernel: 'tocsin', verdicts };
    const { story } = await explain(sources, triggerId);
    expect(story.map(({ text }) => text).join('\n')).toContain('; 2 links were removed from its');
  });

  it('is told by a dry run, which shows the summary as it would be sent', async () => {
    await using tocsin = await inMemoryTocsin({ triggers: [overdue, blank] });
    const run = (triggerType: string) =>
      tocsin.dryRun({ ...about, triggerType, targetType: 'invoice' });
    expect(await run('invoice_overdue')).toMatchObject({
      ok: true,
      value: { warnings: [{ code: 'links_removed', links: 2, summary: CLEAN }] },
    });
    expect(await run('invoice_blank')).toMatchObject({
      value: { warnings: [{ code: 'links_removed', links: 2, summary: '' }] },
    });
    const types = (await eventsOf(tocsin.store)).map(({ type }) => type);
    expect(types).not.toContain('TriggerRaised');
  });

  it('blanks the summary where the definition says so, and the fallback is sent', async () => {
    await using tocsin = await inMemoryTocsin({ triggers: [blank] });
    await tocsin.raise({ ...about, triggerType: 'invoice_blank', targetType: 'invoice' });
    await tocsin.settle();
    expect(tocsin.sent.map(({ message }) => [message.summary, message.text])).toEqual([
      ['', 'An invoice is overdue.'],
    ]);
  });

  it('is warned of by a worker that evaluates later', async () => {
    const { warnings, logger } = recordedWarnings();
    const evaluate = () => Promise.resolve(notify({ summary: SUMMARY }));
    const world = await laterWorld({ evaluate });
    await world.kernel.raise(anInput(1));
    await using _worker = world.worker({ logger });
    await until('it is warned of', () => warnings.length > 0);
    expect(warnings).toMatchObject([{ linksRemoved: 2 }]);
  });
});
