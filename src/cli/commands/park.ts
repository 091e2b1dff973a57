// `tocsin park`: lists parked events (dead letters), and retries or drops one.
import type { Command } from 'commander';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import type { ControlEvent } from '../../domain/control/events.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { appendControl } from '../../kernel/control/control.ts';
import { dropControlEvent } from '../../kernel/control/drop.ts';
import { openStore } from '../compose/compose.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { usageError } from '../config/usage-error.ts';
import { register, type Context, type Work } from './command.ts';

type ResolveOptions = { readonly event: string; readonly reason?: string };

type RetryOptions = Omit<ResolveOptions, 'event'> & {
  readonly event?: string;
  readonly code?: string;
  readonly type?: string;
  readonly all?: true;
  readonly dryRun?: true;
};

/** Decisions in one append: each is an event of the control stream, which all processes read. */
const BATCH = 100;

export function parkCommand(program: Command): void {
  const park = program
    .command('park')
    .description('list parked events (dead letters), and retry or drop them');
  register(
    park.command('list').description('list the parked events with their errors'),
    ['state'],
    'Example:\n  tocsin park list --state var/state.db',
    list,
  );
  register(
    park
      .command('retry [EVENT]')
      .description(
        'decide the event, or all that match, again at the current end of the log; recorded in the log',
      )
      .option('--code <CODE>', 'all events that were parked with this code')
      .option('--type <TYPE>', 'all parked events of this type')
      .option('--all', 'all parked events')
      .option('--dry-run', 'list what would be retried, and change nothing')
      .option('--reason <TEXT>', 'the reason; recorded in the log'),
    ['store', 'state', 'name'],
    `Examples:
  tocsin park retry 6072f595-6a17-5132-a9b1-daa475c1b68e
  tocsin park retry --code schema_invalid --reason 'fixed in 1.2'`,
    retry,
  );
  register(
    park
      .command('drop <EVENT>')
      .description(
        'remove the event for ever; with --reason also a malformed event of the control stream; recorded in the log',
      )
      .option('--reason <TEXT>', 'the reason; recorded in the log'),
    ['store', 'state', 'name'],
    'Example:\n  tocsin park drop 6072f595-6a17-5132-a9b1-daa475c1b68e',
    resolveWith('drop'),
  );
}

const list: Work<object> = ({ config, terminal }) => {
  using state = openReadModelReader(config.state);
  const parked = state.parked();
  terminal.print({
    parked: parked.map((row) => ({ ...row, position: formatPosition(row.position) })),
  });
  for (const { event, type, code, detail, stream, revision } of parked) {
    terminal.say(`${event}  ${type}  ${code}: ${detail}  (${stream} #${revision})`);
  }
  if (parked.length === 0) terminal.say('No event is parked.');
  return Promise.resolve();
};

const resolveWith =
  (action: 'retry' | 'drop') =>
  async ({ config, terminal }: Context, { event, reason }: ResolveOptions): Promise<void> => {
    // A malformed event of the control stream is in no read model, because every projector stops at it.
    const mayBeControl = action === 'drop' && reason !== undefined;
    const parked = mayBeControl ? undefined : findParked(config.state, event);
    await using store = await openStore(config, `tocsin park ${action}`);
    const context = kernelContext(store, config.name);
    const call = { actor: CLI_ACTOR };
    if (mayBeControl && (await dropControlEvent(context, event, reason, call))) {
      terminal.print({ event, action });
      terminal.say(
        `drop of ${event} is in the log; start the processes again that stopped at the event.`,
      );
      return;
    }
    const row = parked ?? findParked(config.state, event);
    const { stream, revision } = row;
    const data = { event, stream, revision, action, reason };
    const decide = (): ControlEvent[] => [{ type: 'ParkResolved', data }];
    await appendControl(context, decide, call);
    terminal.print({ event, action });
    terminal.say(
      `${action} of ${event} is in the log; the projector applies it when it reads that position.`,
    );
  };

const retry: Work<RetryOptions> = async (context, options) => {
  const { event, reason, dryRun = false } = options;
  if (event !== undefined) {
    if (
      [options.code, options.type, options.all, options.dryRun].some((one) => one !== undefined)
    ) {
      throw usageError(
        'ambiguous_filter',
        'an event and a filter were given',
        'Give an event or a filter.',
      );
    }
    await resolveWith('retry')(context, { ...options, event });
    return;
  }
  const { config, terminal } = context;
  const rows = matching(config.state, options);
  if (!dryRun && rows.length > 0) {
    await using store = await openStore(config, 'tocsin park retry');
    const kernel = kernelContext(store, config.name);
    for (let from = 0; from < rows.length; from += BATCH) {
      const decisions = rows.slice(from, from + BATCH).map((row): ControlEvent => {
        const { event: parked, stream, revision } = row;
        const data = { event: parked, stream, revision, action: 'retry' as const, reason };
        return { type: 'ParkResolved', data };
      });
      await appendControl(kernel, () => decisions, { actor: CLI_ACTOR });
    }
  }
  const events = rows.map((row) => row.event);
  terminal.print({ action: 'retry', dryRun, matched: events.length, events });
  for (const row of rows) terminal.say(`${row.event}  ${row.type}  ${row.code}`);
  const what = dryRun ? 'would be retried' : 'retried: the projector decides them again';
  terminal.say(`${rows.length} parked events ${what}.`);
};

/** The parked events that match every filter. */
function matching(file: string, { code, type, all }: RetryOptions) {
  if (code === undefined && type === undefined && all !== true) {
    const hint = 'Give an event, or --code, --type or --all.';
    throw usageError('no_filter', 'neither an event nor a filter was given', hint);
  }
  using state = openReadModelReader(file);
  return state
    .parked()
    .filter((row) => (code === undefined || row.code === code) && (type ?? row.type) === row.type);
}

function findParked(file: string, event: string) {
  using state = openReadModelReader(file);
  const row = state.parked().find((parked) => parked.event === event);
  if (row !== undefined) return row;
  throw usageError('not_parked', `${event} is not parked`, 'See `tocsin park list`.');
}
