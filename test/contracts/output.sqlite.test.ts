import * as runner from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqliteOutput } from '../../src/adapters/sqlite/messages/output.ts';
import { outputContract } from '../../src/facade/contracts/output.ts';

outputContract(runner, 'sqliteOutput', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-messages-'));
  const file = join(folder, 'messages.db');
  const sql = (text: string): void => {
    const db = new DatabaseSync(file, { timeout: 5_000 });
    db.exec(text);
    db.close();
  };
  return Promise.resolve({
    output: sqliteOutput({ file }),
    storeForeign: async () => {
      await Promise.resolve();
      sql(
        `INSERT INTO messages SELECT coalesce(max(sequence), 0) + 1, 'x', '[]', '' FROM messages`,
      );
    },
    removeStream: async () => {
      await Promise.resolve();
      sql('DELETE FROM stream; DELETE FROM messages; DELETE FROM requests');
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.resolve();
      rmSync(folder, { recursive: true });
    },
  });
});
