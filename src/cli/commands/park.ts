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
import { register, type Work } from './command.ts';

type ResolveOptions = { readonly event: string; readonly reason?: string };

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
  for (const action of ['retry', 'drop'] as const) {
    const help =
      action === 'retry'
        ? 'decide the event again, at the current end of the log'
        : 'remove the event for ever; with --reason also a malformed event of the control stream';
    register(
      park
        .command(`${action} <EVENT>`)
        .description(`${help}; recorded in the log`)
        .option('--reason <TEXT>', 'the reason; recorded in the log'),
      ['store', 'state', 'name'],
      `Example:\n  tocsin park ${action} 6072f595-6a17-5132-a9b1-daa475c1b68e`,
      resolveWith(action),
    );
  }
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
  (action: 'retry' | 'drop'): Work<ResolveOptions> =>
  async ({ config, terminal }, { event, reason }) => {
    // A malformed event of the control stream is in no read model, because every projector stops at it.
    const mayBeControl = action === 'drop' && reason !== undefined;
    const parked = mayBeControl ? undefined : findParked(config.state, event);
    await using store = await openStore(config, `tocsin park ${action}`);
    const context = kernelContext(store, config.name);
    const call = { actor: CLI_ACTOR };
    if (mayBeControl && (await dropControlEvent(context, event, reason, call))) {
      terminal.print({ event, action });
      terminal.say(`drop of ${event} is in the log; start again what has stopped at the event.`);
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

function findParked(file: string, event: string) {
  using state = openReadModelReader(file);
  const row = state.parked().find((parked) => parked.event === event);
  if (row !== undefined) return row;
  throw usageError('not_parked', `${event} is not parked`, 'See `tocsin park list`.');
}
