// `tocsin store acl`: shows and limits who may append to a server's streams and read its whole log.
import type { Command } from 'commander';
import { parseConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { isEventStoreDb } from '../compose/compose.ts';
import { usageError } from '../config/usage-error.ts';
import { register, type Work } from './command.ts';

type Options = { readonly only?: string; readonly show?: true };

export function storeAclCommand(store: Command): void {
  register(
    store
      .command('acl')
      .description('show or limit who may append to the server’s streams and read its whole log')
      .option('--only <ROLE>', 'a user or group: only this user or group and $admins may append')
      .option('--show', 'show what is allowed now (default)'),
    ['store'],
    `By the default of EventStoreDB every user may append to every stream, also to Tocsin's. --only writes the server's
default ACL, which counts for all streams without an ACL of their own, also for streams of other applications. The
command needs TLS and the credentials of a member of $admins. Open subscriptions stay open.

Example:
  TOCSIN_STORE='esdb://admin:…@db.internal:2113' tocsin store acl --only tocsin`,
    changeAcl,
    { useRunFile: () => false },
  );
}

const changeAcl: Work<Options> = async ({ config, terminal }, { only, show }) => {
  const { store: connectionString } = config;
  assertUsers(connectionString);
  if (only !== undefined && show === true) {
    throw usageError('acl_options', '--only and --show exclude each other', 'Use one of them.');
  }
  const { eventStoreDbWithSystem } = await import('../../adapters/eventstore/esdb/store.ts');
  const { limitRights, readRights } = await import('../../adapters/eventstore/esdb/acl.ts');
  const opened = eventStoreDbWithSystem({ connectionString });
  await using _ = opened.store;
  const rights = await (only === undefined ? readRights(opened) : limitRights(opened, only));
  terminal.print(rights);
  terminal.say(
    `append to streams without an ACL of their own: ${rights.append.join(', ')}`,
    `read the whole log: ${rights.readAll.join(', ')}`,
  );
  if (rights.append.includes('$all'))
    terminal.note('$all is every user: limit the right with --only ROLE.');
};

/** A server without TLS or credentials knows no users. */
function assertUsers(store: string): void {
  const hint = 'Name a server with TLS and the credentials of a member of $admins.';
  if (!isEventStoreDb(store)) {
    throw usageError('acl_needs_server', 'only an EventStoreDB server has users and rights', hint);
  }
  const { settings, credentials } = parseConnectionString(store);
  if (!settings.tls || credentials === undefined) {
    throw usageError('acl_needs_credentials', 'rights need TLS and credentials', hint);
  }
}
