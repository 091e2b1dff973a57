// `tocsin archive` with a real NATS server: a projected log is archived, and every command goes on with the file.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorOf, testPartition } from '../support/partition.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const DAY = 24 * 60 * 60 * 1000;
const FILE = 'archive.ndjson';

test(
  'archive moves old triggers into a file that the audit commands read with the log',
  {
    timeout: SLOW_TEST_MS,
  },
  async () => {
    await using partition = await testPartition();
    const { cli, nats } = partition;
    await partition.raiseAgo(1, 5, 40 * DAY);
    expect(await partition.project('--from-start')).toMatchObject({ code: 0 });
    const replayed = await cli.call(['audit', 'replay']);
    const verify = ['audit', 'verify', '--nats', nats.url];

    const before = new Date(Date.now() - 20 * DAY).toISOString();
    const archive = ['archive', '--before', before, '--out', cli.path(FILE)];
    const tooRecent = await cli.call([
      'archive',
      '--before',
      '2999-01-01T00:00:00Z',
      '--out',
      FILE,
    ]);
    expect(tooRecent.code).toBe(4);
    expect(errorOf(tooRecent).code).toBe('archive_too_recent');

    const planned = await cli.call([...archive, '--dry-run']);
    expect(existsSync(cli.path(FILE))).toBe(false);
    const result = await cli.call(archive);
    expect(result).toMatchObject({
      code: 0,
      document: { archive: { file: FILE }, removed: { triggers: 4 }, kept: { needed: 1 } },
    });
    expect(planned.document).toMatchObject({ removed: { triggers: 4 }, dryRun: true });
    expect(readFileSync(cli.path(FILE), 'utf8')).toContain('"kind":"manifest"');

    expect(await cli.call(['audit', 'verify-export', cli.path(FILE)])).toMatchObject({
      code: 0,
      document: { whole: true, faultCount: 0 },
    });
    const without = await cli.call(['audit', 'replay']);
    expect([without.code, errorOf(without).code]).toEqual([4, 'log_archived']);
    const withFile = await cli.call(['audit', 'replay', '--archive', cli.path(FILE)]);
    const digestOf = ({ document }: { readonly document: unknown }): unknown =>
      Object.entries(document ?? {}).find(([key]) => key === 'dedupeKeysSha256')?.[1];
    expect(digestOf(withFile)).toBe(digestOf(replayed));

    await partition.raise(6, 7);
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 2 } });
    expect(await cli.call([...verify, '--archive', cli.path(FILE)])).toMatchObject({
      code: 0,
      document: { mismatches: [], published: 7 },
    });
    expect(
      await cli.call(['audit', 'rebuild', '--nats', nats.url, '--archive', cli.path(FILE)]),
    ).toMatchObject({ code: 0, document: { published: 7 } });
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 0 } });
    expect(await cli.call(archive)).toMatchObject({ code: 0, document: { archive: null } });

    for (const end of ['', '-wal', '-shm']) rmSync(cli.path(`var/state.db${end}`), { force: true });
    const lost = await partition.project();
    expect([lost.code, errorOf(lost).code]).toEqual([4, 'log_archived']);
    expect(await partition.project('--archive', cli.path(FILE))).toMatchObject({ code: 0 });
    expect(await cli.call([...verify, '--archive', cli.path(FILE)])).toMatchObject({
      code: 0,
      document: { mismatches: [], published: 7 },
    });
    const unread = await cli.call(['notary', '--once']);
    expect([unread.code, errorOf(unread).code]).toEqual([4, 'log_archived']);
    const signed = await cli.call(['notary', '--once', '--archive', cli.path(FILE)]);
    expect(signed).toMatchObject({ code: 0, document: { format: 'tocsin-tree-head/1' } });
  },
);
