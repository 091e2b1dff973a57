// Another product than the schedule on the command line: its types, its channel and its refusals.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { testCli, type Cli } from '../support/cli.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const entry = (name: string): string => new URL(`../../src/${name}.ts`, import.meta.url).href;

const billing = `
import { defineTrigger, notify } from '${entry('index')}';
import { defineChannel } from '${entry('delivery')}';
import { appendFileSync } from 'node:fs';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  channel: 'email',
  link: ({ targetId }) => '/invoices/' + targetId,
  evaluate: ({ payload }) => notify({ summary: payload.amount + ' EUR are overdue.' }),
});

const email = defineChannel({
  lookup: (userId) => userId + '@example.com',
  send: async ({ title, text }, address) => {
    appendFileSync('sent.txt', [address, title, text].join(' | ') + '\\n');
    return undefined;
  },
});

export default {
  triggers: [invoiceOverdue],
  channels: { email },
  texts: ({ triggerType }) => ({ title: 'About ' + triggerType }),
};
`;

function billingCli(text = billing): Cli {
  const cli = testCli();
  writeFileSync(cli.path('tocsin.config.mjs'), text);
  return cli;
}

const line = (more: object = {}): string =>
  `${JSON.stringify({
    user_id: 'auth0|1',
    trigger_type: 'invoice_overdue',
    target_id: '42',
    requested_at: new Date().toISOString(),
    payload: { amount: 12 },
    ...more,
  })}\n`;

const STORE = ['--store', 'embedded:store.db'];

describe('tocsin.config.mjs', () => {
  test('gives the types that raise takes, and the channels that a worker sends to', async () => {
    await using cli = billingCli();
    await using nats = await testNatsServer();
    const input =
      line() + line({ trigger_type: 'important_urgent_task' }) + line({ channel: 'fax' });
    const raised = await cli.json(['raise', '--file', '-', ...STORE], { input });
    expect(raised).toMatchObject({
      code: 1,
      document: {
        raised: 1,
        rejected: 2,
        errors: [
          { line: 2, code: 'unknown_trigger_type' },
          { line: 3, code: 'unknown_channel' },
        ],
      },
    });
    const nothingSent = (): string => (existsSync(cli.path('sent.txt')) ? sent() : '');
    const sent = (): string => readFileSync(cli.path('sent.txt'), 'utf8');
    const servers = ['--nats', nats.url, '--frontend', 'https://pay.example'];
    const worker = cli.start(['start', '--mode', 'worker', ...STORE, ...servers]);
    await until('the e-mail is sent', () => nothingSent() !== '' || worker.isOver());
    expect(sent()).toBe(
      'auth0|1@example.com | About invoice_overdue | 12 EUR are overdue.\nhttps://pay.example/invoices/42\n',
    );
    worker.kill('SIGTERM');
    expect(await worker.ended()).toMatchObject({ code: 0 });
    const about = ['--type', 'invoice_overdue', '--target', '42', '--user', 'auth0|1', ...STORE];
    const unexplained = await cli.json(['cancel', ...about]);
    expect(unexplained).toMatchObject({ code: 2, document: { error: { code: 'wrong_usage' } } });
    const cancelled = await cli.json(['cancel', ...about, '--reason', 'paid']);
    expect(cancelled).toMatchObject({
      code: 0,
      document: { outcome: 'cancelled', triggers: [{ userId: 'auth0|1', delivery: 'delivered' }] },
    });
    const nothing = await cli.json([
      'cancel',
      `ast_${'0'.repeat(34)}_1`,
      '--reason',
      'r',
      ...STORE,
    ]);
    expect(nothing).toMatchObject({ code: 2, document: { error: { code: 'unknown_trigger' } } });
  });

  test.each([
    ['has no default export', 'export const triggers = [];', /default/],
    [
      'holds what defineTrigger did not make',
      'export default { triggers: [{ type: "x" }] };',
      /defineTrigger/,
    ],
    ['has an unknown key', 'export default { triggers: [], colour: 1 };', /triggers|colour/],
    ['throws', 'throw new Error("broken");', /cannot be loaded/],
  ])('is refused with exit code 2 when it %s', async (_name, text, message) => {
    await using cli = billingCli(text);
    const result = await cli.run(['raise', '--file', '-', ...STORE], { input: line() });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
  });
});
