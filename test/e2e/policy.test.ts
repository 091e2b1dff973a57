// `tocsin policy` and `tocsin audit simulate` as an operator uses them.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { raiseLine } from '../support/lines.ts';
import { testCli } from '../support/cli.ts';

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
