import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as runner from 'vitest';
import { sqliteInbox } from '../../src/adapters/sqlite/messages/inbox.ts';
import { sqliteOutput } from '../../src/adapters/sqlite/messages/output.ts';
import { requestQueueContract } from '../../src/facade/contracts/request-queue.ts';

requestQueueContract(runner, 'sqliteInbox', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-queue-'));
  const file = join(folder, 'messages.db');
  const session = await sqliteOutput({ file }).connect();
  await session.create('a test');
  const data = new Uint8Array();
  let sequence = 0n;
  return {
    open: () => sqliteInbox({ file }),
    store: (subject, id) =>
      session.publish((sequence += 1n), [{ subject, headers: [['ce-id', id]], data }]),
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
});
