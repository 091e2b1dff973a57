// A notary that was restored from a backup never signs a head that is inconsistent with one that was given away since.
import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseHead, type TreeHead } from '../../src/projections/notary/head.ts';
import { testCli, type Cli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const raise = (cli: Cli, n: number) =>
  cli.run(['raise', '--file', '-'], { input: `${raiseLine(n)}\n` });
const once = (cli: Cli, ...more: readonly string[]) => cli.json(['notary', '--once', ...more]);
const restore = (cli: Cli, ...more: readonly string[]) => cli.json(['restore', 'copy', ...more]);

function lose(cli: Cli, ...files: readonly string[]): void {
  for (const file of files)
    for (const end of ['', '-wal', '-shm']) rmSync(cli.path(`var/${file}${end}`), { force: true });
}

const lastHead = (cli: Cli): TreeHead | undefined =>
  readFileSync(cli.path('var/heads.ndjson'), 'utf8')
    .split('\n')
    .flatMap((line) => parseHead(line) ?? [])
    .at(-1);

/** A backup after the first head, and a second head that a witness keeps. */
async function signedTwice(cli: Cli): Promise<string> {
  await raise(cli, 1);
  expect(await once(cli)).toMatchObject({ code: 0 });
  // Without NATS a backup is whole and exits with 1.
  expect(await cli.json(['backup', 'copy'])).toMatchObject({
    document: {
      files: expect.arrayContaining([expect.objectContaining({ path: 'notary.key' })]) as unknown,
    },
  });
  for (const name of ['notary.db', 'notary.key', 'heads.ndjson'])
    expect([name, statSync(cli.path(`copy/${name}`)).mode & 0o777]).toEqual([name, 0o600]);
  await raise(cli, 2);
  const witness = cli.path('witness.json');
  writeFileSync(witness, (await once(cli)).stdout);
  return witness;
}

test(
  'a restored notary goes on only after it knows the newest head, where the log fits it',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    const witness = await signedTwice(cli);
    // Newer than the backup: not replaced by accident.
    expect(await restore(cli, '--only', 'notary')).toMatchObject({
      code: 4,
      document: { error: { code: 'target_newer' } },
    });
    lose(cli, 'notary.db', 'heads.ndjson', 'notary.key');
    expect(await restore(cli, '--only', 'notary')).toMatchObject({
      document: { restored: [{ part: 'notary' }, { part: 'notary' }, { part: 'notary' }] },
    });
    expect(await once(cli)).toMatchObject({
      code: 4,
      document: { error: { code: 'notary_restored' } },
    });
    const doctor = await cli.json(['doctor']);
    expect(doctor.document).toMatchObject({
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'notary', code: 'notary_restored' }),
      ]) as unknown,
    });
    expect(await once(cli, '--after', witness)).toMatchObject({ code: 0 });
    await raise(cli, 3);
    expect(await once(cli)).toMatchObject({ code: 0 });
  },
);

test(
  'a restored notary signs nothing of a log that lost events of which a head was given away',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    const witness = await signedTwice(cli);
    // The log alone: the notary knows its own head.
    copyFileSync(cli.path('var/store.db'), cli.path('kept.db'));
    lose(cli, 'store.db');
    expect(await restore(cli, '--only', 'log')).toMatchObject({
      document: {
        checks: expect.arrayContaining([
          expect.objectContaining({ name: 'notary', code: 'log_shorter' }),
        ]) as unknown,
      },
    });
    await raise(cli, 7);
    expect(await once(cli)).toMatchObject({
      code: 4,
      document: { error: { code: 'log_changed' } },
    });
    // And the notary too: only the witness knows the second head.
    lose(cli, 'notary.db', 'heads.ndjson', 'notary.key');
    await restore(cli, '--only', 'notary');
    const before = lastHead(cli);
    expect(await once(cli)).toMatchObject({
      code: 4,
      document: { error: { code: 'notary_restored' } },
    });
    for (const n of [8, 9]) {
      expect(await once(cli, '--after', witness)).toMatchObject({
        code: 4,
        document: { error: { code: 'head_inconsistent' } },
      });
      await raise(cli, n);
    }
    expect(lastHead(cli)).toEqual(before);
  },
);
