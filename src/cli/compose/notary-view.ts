// What the notary on this machine has given away: its newest head, and its public keys.
import { existsSync } from 'node:fs';
import type { NotaryView } from '../../adapters/http/console/options.ts';
import { headsFile } from '../../adapters/notary/heads-file.ts';
import { readNotaryKey } from '../../adapters/notary/key-file.ts';
import { openNotaryRecord } from '../../adapters/sqlite/notary-state.ts';
import type { PublishedKeys } from '../../projections/notary/keys.ts';
import type { Config } from '../config/config.ts';

/** The public keys of the notary on this machine. */
export function publishedOf({ notary }: Pick<Config, 'notary'>): PublishedKeys | undefined {
  return existsSync(notary.key) ? readNotaryKey(notary.key).published : undefined;
}

/** The notary's state has the newest head; a machine that gets only the heads has their file. */
export function notaryView(config: Pick<Config, 'notary'>): NotaryView {
  const { state, heads } = config.notary;
  return {
    async head() {
      if (existsSync(state)) {
        using record = openNotaryRecord(state);
        const last = record.lastHead();
        if (last !== undefined) return last.head;
      }
      return existsSync(heads) ? await headsFile(heads).lastHead?.() : undefined;
    },
    keys: () => publishedOf(config),
  };
}
