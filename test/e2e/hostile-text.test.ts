// Text from outside cannot draw on a terminal: reasons, names, titles and ids with control characters go through
// every command that shows such texts, with the output for people and with --json.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { testCli, type Cli, type CliResult } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

/** Clears the screen, begins a line, ends it, turns the order of letters, and uses the one-byte CSI. */
const HOSTILE = 'x\u001b[2J\r\nok store: fine\u202Egnp\u009b31m\u2028end\u0007';

/** What may move a cursor or turn text, but for the ends of our own lines. */
const CONTROLS = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Commands that take such a text as an argument or as the value of an option, and refuse or keep it. */
const TAKES_TEXT: readonly (readonly string[])[] = [
  ['policy', 'set', HOSTILE, '--reason', HOSTILE],
  ['policy', 'set', 'anchored', '30m', '--reason', HOSTILE, '--actor', HOSTILE],
  ['policy', 'mute', '--for', '2h', '--reason', HOSTILE],
  ['policy', 'unmute', '--reason', HOSTILE],
  ['policy', 'mute', '--for', HOSTILE, '--reason', HOSTILE],
  ['token', 'create', '--user', '42', '--for', HOSTILE, '--actor', HOSTILE],
  ['token', 'create', '--service', '--for', 'x', '--scopes', HOSTILE],
  ['token', 'revoke', HOSTILE, '--reason', HOSTILE],
  ['jobs', 'import', HOSTILE, '--user', '42'],
  ['jobs', 'cancel', HOSTILE],
  ['deliveries', 'show', HOSTILE],
  ['deliveries', 'redrive', HOSTILE, '--reason', HOSTILE],
  ['deliveries', 'release', HOSTILE, '--reason', HOSTILE],
  ['park', 'retry', HOSTILE],
  ['park', 'drop', HOSTILE, '--reason', HOSTILE],
  ['channel', 'get', '--user', HOSTILE, '--channel', HOSTILE],
  ['channel', 'remove', '--user', HOSTILE, '--channel', 'webhook'],
  ['forget', '--user', HOSTILE],
  ['audit', 'explain', HOSTILE],
  ['audit', 'simulate', '--policy', HOSTILE],
  ['audit', 'verify-export', HOSTILE],
  ['raise', '--file', HOSTILE],
  ['store', 'copy', HOSTILE, HOSTILE],
  ['cancel', HOSTILE, '--reason', HOSTILE],
  ['cancel', '--type', HOSTILE, '--target', HOSTILE, '--reason', HOSTILE],
  ['audit', 'prove', HOSTILE],
  ['audit', 'consistency', HOSTILE, HOSTILE],
  ['audit', 'verify', '--head', HOSTILE],
  ['audit', 'export', '--out', `${HOSTILE}/x`],
  ['verify-proof', HOSTILE, '--key', HOSTILE],
  ['notary', 'key', 'publish', '--notary-key', HOSTILE, '--out', `${HOSTILE}/x`],
  ['notary', '--once', '--heads', HOSTILE, '--heads-webhook', HOSTILE],
  ['restore', HOSTILE],
  [HOSTILE],
  ['doctor', '--store', HOSTILE],
  ['doctor', `--${HOSTILE}`],
];

/** Commands that show what the log, a file or a server holds. */
const SHOWS: readonly (readonly string[])[] = [
  ['policy', 'show'],
  ['policy', 'history'],
  ['token', 'list'],
  ['jobs', 'list'],
  ['deliveries', 'list'],
  ['deliveries', 'muted'],
  ['park', 'list'],
  ['channel', 'list', '--user', '42'],
  ['audit', 'replay'],
  ['audit', 'verify'],
  ['audit', 'simulate', '--policy', 'none'],
  ['audit', 'explain', '--user', '42', '--at', '2026-01-02T00:00:00Z'],
  ['doctor'],
];

async function expectPlain(cli: Cli, args: readonly string[], nats: string): Promise<CliResult> {
  const env = { TOCSIN_NATS: nats };
  const shown = await cli.text(args, { env });
  const machine = await cli.text([...args, '--json'], { env });
  for (const { stdout, stderr } of [shown, machine]) {
    expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(CONTROLS);
    // A line of the text's own would be a line of ours to the reader.
    expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(/^ok store: fine/m);
  }
  return shown;
}

test(
  'no command lets text from outside move the cursor, begin a line or turn the order of letters',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const line = raiseLine(42, {
      requested_at: '2026-01-01T10:00:00Z',
      trace_id: HOSTILE,
      payload: { title: HOSTILE, [HOSTILE]: 1 },
    });
    const poor = raiseLine(42, { trigger_type: HOSTILE, target_id: HOSTILE });
    writeFileSync(cli.path('in.ndjson'), `${line}\n${poor}\n{"${HOSTILE}`);
    writeFileSync(
      cli.path('tasks.ics'),
      `BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:a\u001b[2J\r\nSUMMARY:x\u001b[2J\u202Eend\r\nDUE:20300101T100000Z\r\nEND:VTODO\r\nEND:VCALENDAR\r\n`,
    );
    await expectPlain(cli, ['raise', '--file', 'in.ndjson'], nats.url);
    await expectPlain(cli, ['jobs', 'import', 'tasks.ics', '--user', '42'], nats.url);
    for (const args of TAKES_TEXT) await expectPlain(cli, args, nats.url);
    await expectPlain(cli, ['project', '--once'], nats.url);
    for (const args of SHOWS) await expectPlain(cli, args, nats.url);
    const history = await cli.text(['policy', 'history']);
    expect(history.stdout).toContain('x\\u001b[2J\\u000d\\u000aok store: fine\\u202egnp');
    const names = await cli.text(['token', 'list']);
    expect(names.stdout).toContain('\\u001b[2J');
  },
);
