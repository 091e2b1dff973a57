// `tocsin deliveries muted|release`: lists the requests that a mute has suppressed, and releases a request.
import type { Command } from 'commander';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { isUuid } from '../../domain/core/ids.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { releaseRequest, type RequestName } from '../../kernel/control/release.ts';
import type { MutedRequest } from '../../projections/read-model.ts';
import { openStore } from '../compose/compose.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { usageError } from '../config/usage-error.ts';
import { register, wholeNumber, type Work } from './command.ts';

type MutedOptions = { readonly user?: string; readonly limit: number };
type ReleaseOptions = {
  readonly request: string;
  readonly reason?: string;
  readonly actor: string;
};

export function releaseCommands(deliveries: Command): void {
  register(
    deliveries
      .command('muted')
      .description('list the requests that a mute has suppressed and that have not expired')
      .option('--user <ID>', 'only requests of this user')
      .option('--limit <N>', 'at most this many', wholeNumber, 50),
    ['state'],
    'Example:\n  tocsin deliveries muted --json',
    muted,
  );
  register(
    deliveries
      .command('release <REQUEST>')
      .description('release a request that a mute has suppressed; recorded in the log')
      .option('--reason <TEXT>', 'the reason, required; recorded in the log')
      .option('--actor <NAME>', 'who decides; recorded in the log', CLI_ACTOR),
    ['store', 'state', 'name'],
    `REQUEST is an id of \`deliveries muted\`, or the id of the trigger (ast_…) or the preview (asp_…). A notification
that holds the window of the request still suppresses it.

Example:
  tocsin deliveries release 6072f595-6a17-5132-a9b1-daa475c1b68e --reason "the mute was a mistake"`,
    release,
  );
}

const muted: Work<MutedOptions> = ({ config, terminal }, { user, limit }) => {
  using state = openReadModelReader(config.state);
  const now = Date.now();
  const found: MutedRequest[] = [];
  for (const row of state.mutedRequests()) {
    if (found.length >= limit) break;
    if (row.expiresAt > now && (user === undefined || row.user === user)) found.push(row);
  }
  terminal.print({
    muted: found.map(({ event, position, expiresAt, ...row }) => ({
      request: event,
      ...row,
      position: formatPosition(position),
      expiresAt: formatInstant(expiresAt),
    })),
  });
  for (const row of found) {
    const about = `${row.triggerType}  ${row.targetType} ${row.targetId}`;
    terminal.say(`${row.event}  user ${row.user}  ${about}  until ${formatInstant(row.expiresAt)}`);
  }
  if (found.length === 0) terminal.say('No muted request can be released.');
  return Promise.resolve();
};

const release: Work<ReleaseOptions> = async ({ config, terminal }, { request, reason, actor }) => {
  const name = isUuid(request) ? placeOf(config.state, request.toLowerCase()) : request;
  await using store = await openStore(config, 'tocsin deliveries release');
  const context = kernelContext(store, config.name);
  const result = await releaseRequest(context, { request: name, reason }, { actor });
  if (result.outcome === 'not_found') throw unknownRequest(request);
  if (result.outcome === 'rejected') {
    const hint = 'See tocsin deliveries muted, and tocsin audit explain. Nothing was written.';
    throw usageError(result.code, result.message, hint);
  }
  const position = result.outcome === 'released' ? result.position : undefined;
  const { outcome } = result;
  terminal.print({ request, outcome, position });
  terminal.say(
    outcome === 'released'
      ? `The release of ${request} is in the log; the projector applies it when it reads that position.`
      : 'It was released before; nothing was written.',
  );
};

function placeOf(file: string, event: string): RequestName {
  using state = openReadModelReader(file);
  const [row] = state.mutedRequestsOf([event]);
  if (row === undefined) throw unknownRequest(event);
  return row;
}

function unknownRequest(request: string): Error {
  const hint =
    'See tocsin deliveries muted. A request that was just raised is there when the projector has processed it.';
  return usageError('unknown_request', `no muted request has the id ${request}`, hint);
}
