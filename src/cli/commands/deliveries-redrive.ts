// `tocsin deliveries redrive`: sends one delivery again, or all that match a filter.
import { Option, type Command } from 'commander';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { deliveryContext } from '../../kernel/processes/delivery/processes.ts';
import { changeDelivery } from '../../kernel/processes/delivery/delivery-decider.ts';
import { systemRuntime } from '../../kernel/decider/runtime.ts';
import {
  pacer,
  REDRIVES_PER_SECOND,
  redriveMatching,
  type RedriveCounts,
} from '../../kernel/processes/delivery/redrive-matching.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import { openSealedStore } from '../compose/channels.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT, type Terminal } from '../terminal/terminal.ts';
import { register, wholeNumber, type Context, type Work } from './command.ts';
import { filterOf, filterOptions, rowOf, type FilterOptions } from './deliveries-filter.ts';

type Options = FilterOptions & {
  readonly id?: string;
  readonly status?: 'dead' | 'skipped';
  readonly because?: string;
  readonly dryRun?: true;
  readonly rate: number;
};

const WHO = 'tocsin deliveries redrive';
const NO_REASON = 'asked for on the command line';

export function redriveCommand(deliveries: Command): void {
  register(
    filterOptions(
      deliveries
        .command('redrive [ID]')
        .description(
          'send a dead or skipped notification again, or all that match; recorded in the log',
        )
        .addOption(
          new Option('--status <STATUS>', 'all deliveries in this state').choices([
            'dead',
            'skipped',
          ]),
        ),
      'with an ID: your reason, as --because; without: only deliveries with this code as their reason',
    )
      .option('--because <TEXT>', `your reason; recorded in the log (default "${NO_REASON}")`)
      .option('--dry-run', 'only count the deliveries, and name the first of them')
      .option('--rate <N>', 'at most this many per second', wholeNumber, REDRIVES_PER_SECOND),
    ['store', 'worker', 'vault', 'vaultKeyFile'],
    'Examples:\n' +
      '  tocsin deliveries redrive 6072f595-6a17-5132-a9b1-daa475c1b68e --reason "URL repaired"\n' +
      '  tocsin deliveries redrive --status dead --channel feishu --since 2h --reason auth --dry-run\n' +
      '  tocsin deliveries redrive --status dead --channel feishu --because "token renewed"',
    redrive,
  );
}

const redrive: Work<Options> = (context, options) => {
  const { id, status, channel, since, user } = options;
  if (id === undefined) return redriveAll(context, options);
  if ([status, channel, since, user, options.dryRun].every((each) => each === undefined)) {
    return redriveOne(context, id, options.because ?? options.reason ?? NO_REASON);
  }
  throw usageError('id_and_filter', 'an ID and a filter were given', 'Give an ID or a filter.');
};

async function redriveOne({ config, terminal }: Context, id: string, reason: string) {
  const { stream } = rowOf(config, id);
  await using store = await openSealedStore(config, WHO);
  const records = deliveryContext({ store, actor: 'cli' });
  const result = await changeDelivery(records, stream, { kind: 'redrive', reason, of: 'ended' });
  if (!result.ok) {
    const { code, message } = result.error;
    const only = 'Only a dead or skipped delivery before its expiry can be redriven.';
    throw usageError(code, `${id}: ${message}`, `See tocsin deliveries show. ${only}`);
  }
  terminal.print({ notificationId: id, redriven: true });
  terminal.say(`${id} will be sent again when a worker runs.`);
  return EXIT.done;
}

async function redriveAll(
  { config, terminal, signal, wasInterrupted }: Context,
  options: Options,
): Promise<number> {
  const { status, dryRun = false, because = NO_REASON, rate } = options;
  if (status === undefined) {
    const hint = 'Name an ID, or --status dead with --channel, --since, --reason or --user.';
    throw usageError('nothing_named', 'no delivery is named', hint);
  }
  const filter = { ...filterOf(options), status };
  using index = openDeliveryIndexReader(deliveriesFile(config));
  await using store = dryRun ? undefined : await openSealedStore(config, WHO);
  const records = store && deliveryContext({ store, actor: 'cli' });
  const runtime = systemRuntime();
  const parts = { ...runtime, index, pace: pacer(runtime, rate) };
  let soFar: (() => RedriveCounts) | undefined;
  const onProgress = (counts: () => RedriveCounts): void => {
    soFar = counts;
    terminal.progress(() => shortText(counts()));
  };
  let counts: RedriveCounts;
  try {
    counts = await redriveMatching(records, parts, filter, {
      reason: because,
      signal,
      onProgress,
    });
  } catch (error) {
    if (soFar !== undefined && error instanceof TocsinError) {
      terminal.note(`${shortText(soFar())} Run the command again: it continues.`);
    }
    throw error;
  }
  const interrupted = signal.aborted;
  const { nextBefore: _, ...shown } = counts;
  terminal.print({ dryRun, interrupted, ...shown });
  say(terminal, counts, dryRun, interrupted);
  if (wasInterrupted()) return EXIT.interrupted;
  return Object.keys(counts.refused).length > 0 || interrupted ? EXIT.partly : EXIT.done;
}

const shortText = ({ matched, redriven }: RedriveCounts): string =>
  `${redriven} of ${matched} deliveries redriven.`;

/** Groups that are shown to people. */
const SHOWN_GROUPS = 20;

function say(
  terminal: Terminal,
  { matched, redriven, refused, groups, first, firstRefused }: RedriveCounts,
  dryRun: boolean,
  interrupted: boolean,
): void {
  const done = dryRun ? 'can be redriven; nothing was changed' : 'will be sent again by a worker';
  terminal.say(`${matched} deliveries match; ${redriven} ${done}.`);
  for (const { channel, reason, count } of groups.slice(0, SHOWN_GROUPS)) {
    terminal.say(`  ${count}  ${channel}  ${reason ?? ''}`);
  }
  if (first.length > 0) terminal.say(`First: ${first.join(' ')}`);
  for (const [code, count] of Object.entries(refused)) {
    const named = firstRefused.filter((each) => each.code === code);
    const ids = named.map(({ notificationId }) => notificationId).join(' ');
    terminal.say(`Not redriven, ${code}: ${count}  ${ids}`);
  }
  if (interrupted) terminal.note('Stopped by a signal. Run the command again: it continues.');
}
