// `tocsin store copy`: copies a log to another store, such as from the embedded store to a cluster.
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { formatPosition, type Position } from '../../domain/core/positions.ts';
import { copyLog } from '../../kernel/copy/copy-log.ts';
import { CLI_ACTOR } from '../compose/kernel-context.ts';
import { openReader, openStore } from '../compose/compose.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT, secondsSince } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';

type Options = { readonly to: string; readonly prefix?: readonly string[] };

export function storeCopyCommand(store: Command): void {
  register(
    store
      .command('copy')
      .description('copy a log to another store, or continue a copy, and compare both')
      .addOption(
        new Option('--to <STORE>', 'the target: embedded:FILE or esdb://HOST:PORT')
          .env('TOCSIN_STORE_TO')
          .makeOptionMandatory(),
      )
      .option('--prefix <TEXT...>', 'only streams whose names have this prefix (default all)'),
    ['store', 'logLevel'],
    `Stream names, revisions, ids, types, data, metadata and the order stay the same. Positions change, because
each log has its own. Stop all writers of the source first. Start the projection on the copy with a new
--state file: it folds the log again, finds the messages that NATS already has, and sends no message twice.
The copy gets one more event, which records that it is a copy. So \`audit verify\` knows the positions of
messages that were sent before. The event is written only if you copy the whole log, or --prefix tocsin.

You can kill the command and run it again: it compares the events that the target already has, and
continues. It refuses a target that holds other events.

Example:
  tocsin store copy --store embedded:var/store.db --to 'esdb://127.0.0.1:2113?tls=false'`,
    copyStore,
    { useRunFile: () => false },
  );
}

const copyStore: Work<Options> = async (context, { to, prefix = [] }) => {
  const { config, terminal, signal } = context;
  if (to === config.store) {
    const hint = 'Name the source with --store and the target with --to.';
    throw usageError('same_store', 'source and target are the same store', hint);
  }
  await using source = await openReader(config);
  await using target = await openStore({ ...config, store: to }, 'tocsin store copy');
  const copying = copyLog({
    source,
    target,
    prefixes: prefix,
    signal,
    actor: CLI_ACTOR,
    now: Date.now,
    elapsed: () => performance.now(),
    pause: async (ms) => {
      await sleep(ms, undefined, { signal });
    },
    progress({ found, copied, verified }) {
      terminal.progress(() => `${found} found, ${copied} copied, ${verified} compared`);
    },
  });
  const result = await unlessStopped(copying, signal);
  if (result === undefined) {
    terminal.note('Stopped. Run the same command again to continue.');
    return EXIT.interrupted;
  }
  const { events, found, copied, repositioned, recordedIn } = result;
  const seconds = secondsSince(context.startedAt);
  terminal.print({
    ...result,
    sourceHead: positionText(result.sourceHead),
    targetHead: positionText(result.targetHead),
    seconds,
  });
  terminal.say(
    `${events} events: ${found} found, ${copied} copied, all compared (${seconds} s)`,
    ...(repositioned === 0 ? [] : [`${repositioned} positions in events were translated`]),
    ...(recordedIn.length === 0 ? [] : [`The copy is recorded in ${recordedIn.join(', ')}.`]),
    'Start the projection on the copy with a new --state file, because the new log has other positions.',
  );
  return EXIT.done;
};

async function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

function positionText(position: Position | undefined): string | null {
  return position === undefined ? null : formatPosition(position);
}
