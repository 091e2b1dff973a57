// The console as the command line serves it: beside the API, over the files of this machine.
import { existsSync } from 'node:fs';
import { createConsole } from '../../adapters/http/console/app.ts';
import type {
  ConsoleApp,
  ConsoleOptions,
  OpenedAudit,
} from '../../adapters/http/console/options.ts';
import { openReadModelReader, temporaryReadModel } from '../../adapters/sqlite/read-model.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { createAudit } from '../../kernel/create-audit.ts';
import { createParked, type Parked } from '../../kernel/parked.ts';
import type { MessageReader } from '../../projections/audit/reading/ports.ts';
import type { Config } from '../config/config.ts';
import { loadProduct } from '../config/product.ts';
import { openMessageReader } from './compose.ts';

/** Where the server of the API has the console. */
export const CONSOLE_PATH = '/console';

export function isConsolePath(request: Request): boolean {
  const { pathname } = new URL(request.url);
  return pathname === CONSOLE_PATH || pathname.startsWith(`${CONSOLE_PATH}/`);
}

type Parts = Omit<ConsoleOptions, 'store' | 'basePath' | 'hosts' | 'types' | 'name'> & {
  readonly config: Config;
  readonly store: EventStore;
};

/** What happened, over the files of this machine. */
export function historyOf(
  config: Config,
  store: EventStore,
): { readonly audit: () => OpenedAudit; readonly parked: Parked } {
  const { name } = config;
  const rows = () => {
    if (!existsSync(config.state)) return [];
    using state = openReadModelReader(config.state);
    return state.parked();
  };
  const parked = createParked({ store, name, state: () => ({ parked: rows }) });
  return { audit: () => auditOver(config, store), parked };
}

export async function openConsole({ config, store, ...parts }: Parts): Promise<ConsoleApp> {
  const { triggers } = await loadProduct();
  const { name } = config;
  return createConsole({
    ...parts,
    store,
    name,
    basePath: CONSOLE_PATH,
    hosts: config.consoleHosts,
    types: triggers.map(({ type }) => type),
  });
}

/** An audit over one state of the read model; it connects to the broker only when it compares messages. */
function auditOver(config: Config, log: EventStore): OpenedAudit {
  const { name, subjectRoot, source } = config;
  const opened = new AsyncDisposableStack();
  const state = opened.use(openReadModelReader(config.state, { snapshot: true }));
  let reader: Promise<MessageReader> | undefined;
  const connected = (): Promise<MessageReader> =>
    (reader ??= openMessageReader(config).then((open) => opened.use(open)));
  const messages: MessageReader = {
    info: async () => (await connected()).info(),
    async *messages(from, to) {
      yield* (await connected()).messages(from, to);
    },
  };
  const scratch = temporaryReadModel;
  const audit = createAudit({ log, scratch, state, messages, name, subjectRoot, source });
  return { ...audit, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
