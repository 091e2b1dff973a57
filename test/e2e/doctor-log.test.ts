// `doctor` finds in advance what a projector would refuse: a log behind its state file or its stream.
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { forgetState, testPartition } from '../support/partition.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const Checks = z.object({
  checks: z.array(z.object({ name: z.string(), status: z.string() }).loose()),
});

test(
  'doctor says that a restored log is behind its state file and its stream, as project does',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using partition = await testPartition();
    const { cli, nats } = partition;
    const doctor = async () => {
      const { code, document } = await cli.call(['doctor', '--nats', nats.url]);
      const { checks } = Checks.parse(document);
      return { code, ...Object.fromEntries(checks.map((check) => [check.name, check])) };
    };
    const storeFiles = (folder: string): readonly string[] =>
      readdirSync(cli.path(folder)).filter((name) => name.startsWith('store'));
    await partition.raise(1, 2);
    await partition.project();
    cpSync(cli.path('var'), cli.path('backup'), { recursive: true });
    await partition.raise(3, 4);
    await partition.project();
    expect(await doctor()).toMatchObject({
      code: 0,
      log: { status: 'ok' },
      output: { status: 'ok' },
    });

    for (const file of storeFiles('var')) rmSync(cli.path('var', file));
    for (const file of storeFiles('backup'))
      cpSync(cli.path('backup', file), cli.path('var', file));
    const behind = { status: 'failed', hint: expect.stringContaining('--from-now') as string };
    expect(await doctor()).toMatchObject({
      code: 1,
      log: { ...behind, code: 'log_shorter' },
      output: { ...behind, code: 'output_ahead' },
    });
    forgetState(partition);
    expect(await doctor()).toMatchObject({ code: 1, output: { ...behind, code: 'output_ahead' } });

    // Other events at the places of those that are lost.
    await partition.raise(5, 8);
    expect(await doctor()).toMatchObject({ code: 1, output: { status: 'failed' } });
    expect(await partition.project()).toMatchObject({ code: 4 });
    expect(await partition.project('--from-now')).toMatchObject({ code: 0 });
    expect(await doctor()).toMatchObject({ code: 0, output: { status: 'ok' } });
  },
);
