// `tocsin policy` and `tocsin audit simulate` as an operator uses them.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { raiseLine } from '../support/lines.ts';
import { testCli } from '../support/cli.ts';
import { testNatsServer } from '../support/nats-server.ts';

const Muted = z.object({
  muted: z.array(z.object({ request: z.string(), user: z.string(), targetId: z.string() })),
});
const Explained = z.object({ known: z.array(z.object({ triggerId: z.string() })) });

const line = (target: number, requestedAt: string): string =>
  `${raiseLine(1, { target_id: target, requested_at: requestedAt })}\n`;

test('tocsin policy refuses an invalid policy, sets and shows a policy, and audit simulate replays it', async () => {
  await using cli = testCli();
  const refused = await cli.json(['policy', 'set', 'session', '10m', '--reason', 'calmer']);
  expect(refused).toMatchObject({ code: 2, document: { error: { code: 'policy_invalid' } } });
  expect(JSON.stringify(refused.document)).toContain('suppressed for ever');
  writeFileSync(
    cli.path('in.ndjson'),
    line(1, '2026-01-01T10:29:59Z') + line(2, '2026-01-01T10:30:00Z'),
  );
  expect(await cli.call(['raise', '--file', 'in.ndjson'])).toMatchObject({ code: 0 });
  const policy = ['--policy', 'anchored 30m on requestedAt'];
  expect(await cli.call(['audit', 'simulate', ...policy])).toMatchObject({
    code: 0,
    document: {
      requests: 2,
      newlySent: 0,
      newlySuppressed: 1,
      before: { published: 2, shortestGap: { ms: 1_000 } },
      after: { published: 1 },
      firstDifference: { after: { verdict: 'suppressed', reason: 'within_window' } },
    },
  });
  const record = ['--reason', 'one second apart', '--actor', 'ada'];
  const set = ['policy', 'set', 'anchored', '30m', 'on', 'requestedAt', ...record];
  expect(await cli.call(set)).toMatchObject({ code: 0, document: { outcome: 'changed' } });
  const shown = { actor: 'ada', reason: 'one second apart' };
  expect(await cli.call(['policy', 'show'])).toMatchObject({
    code: 0,
    document: { policies: [{ triggerType: '*', kind: 'anchored', set: shown }], mutes: [] },
  });
  const mute = ['policy', 'mute', '--for', '2h', '--reason', 'import runs wild'];
  expect(await cli.call(mute)).toMatchObject({ code: 0, document: { outcome: 'changed' } });
  expect(await cli.call(['policy', 'history'])).toMatchObject({
    code: 0,
    document: {
      changes: [
        { change: 'set', ...shown },
        { change: 'mute', actor: 'cli' },
      ],
    },
  });
}, 120_000);

test('tocsin deliveries lists a muted request and releases it, by its own id and by the id of its trigger', async () => {
  await using cli = testCli();
  await using nats = await testNatsServer();
  const env = { TOCSIN_NATS: nats.url };
  const mute = ['policy', 'mute', '--for', '2h', '--reason', 'import runs wild'];
  expect(await cli.call(mute)).toMatchObject({ code: 0 });
  const now = new Date().toISOString();
  const later = new Date(Date.now() + 3_600_000).toISOString();
  writeFileSync(cli.path('in.ndjson'), line(1, now));
  expect(await cli.call(['raise', '--file', 'in.ndjson'])).toMatchObject({ code: 0 });
  const project = ['project', '--once'];
  const nothing = { code: 0, document: { published: 0, suppressed: 1 } };
  expect(await cli.call(project, { env })).toMatchObject(nothing);
  const muted = Muted.parse((await cli.call(['deliveries', 'muted'])).document).muted;
  expect(muted).toMatchObject([{ user: '1', targetId: '1' }]);
  const request = muted[0]?.request ?? '';
  const unexplained = await cli.json(['deliveries', 'release', request]);
  expect(unexplained).toMatchObject({ code: 2, document: { error: { code: 'invalid_field' } } });
  const release = ['deliveries', 'release', request, '--reason', 'a mistake', '--actor', 'ada'];
  expect(await cli.call(release)).toMatchObject({ code: 0, document: { outcome: 'released' } });
  const explained = await cli.call(['audit', 'explain', '--user', '1', '--at', later]);
  const [known] = Explained.parse(explained.document).known;
  const again = ['deliveries', 'release', known?.triggerId ?? '', '--reason', 'a mistake'];
  expect(await cli.call(again)).toMatchObject({ code: 0, document: { outcome: 'unchanged' } });
  const unknown = ['deliveries', 'release', crypto.randomUUID(), '--reason', 'a mistake'];
  expect(await cli.json(unknown)).toMatchObject({
    code: 2,
    document: { error: { code: 'unknown_request' } },
  });
  expect(await cli.call(project, { env })).toMatchObject({ code: 0, document: { published: 1 } });
  expect(await cli.call(['deliveries', 'muted'])).toMatchObject({ document: { muted: [] } });
  expect(await cli.call(['audit', 'replay'])).toMatchObject({
    code: 0,
    document: { published: 1 },
  });
}, 120_000);
