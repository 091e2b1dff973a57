// `tocsin token`: creates, lists and revokes the tokens of the HTTP API.
import type { Command } from 'commander';
import { SCOPES, USER_SCOPES } from '../../domain/access/scopes.ts';
import { parseDuration } from '../../domain/core/durations.ts';
import type { TocsinError } from '../../domain/core/errors.ts';
import { formatInstant, parseInstant } from '../../domain/core/instants.ts';
import { createTokens, type TokenView } from '../../kernel/access/tokens.ts';
import { openSealedStore } from '../compose/channels.ts';
import { CLI_ACTOR } from '../compose/kernel-context.ts';
import { usageError } from '../config/usage-error.ts';
import { register, type Work } from './command.ts';

type CreateOptions = {
  readonly for?: string;
  readonly user?: string;
  readonly service?: true;
  readonly scopes?: string;
  readonly expires?: string;
  readonly actor: string;
};
type RevokeOptions = { readonly id: string; readonly reason?: string; readonly actor: string };

export function tokenCommand(program: Command): void {
  const token = program
    .command('token')
    .description('create, list and revoke the tokens of the HTTP API');
  register(
    token
      .command('create')
      .description('create a token and show it once; the log keeps only its hash')
      .option('--for <TEXT>', 'purpose of the token; required')
      .option('--user <ID>', 'a token for this user only')
      .option('--service', 'a token for the service, which may act for any user')
      .option(
        '--scopes <LIST>',
        'scopes, separated by commas (default for a user: all user scopes)',
      )
      .option('--expires <WHEN>', 'expiry: a duration such as 90d, or an instant (default never)')
      .option('--actor <NAME>', 'who creates it; recorded in the log', CLI_ACTOR),
    ['store', 'name', 'vault', 'vaultKeyFile'],
    `Scopes: ${SCOPES.join(', ')}.
Only a service token can have the scopes of policies, because policies affect all users.

Examples:
  tocsin token create --for "the web application" --service --scopes trigger:raise,preview:read
  tocsin token create --for "Ann’s script" --user 42 --expires 90d`,
    create,
  );
  register(
    token.command('list').description('list all tokens, without their secrets'),
    ['store', 'name', 'vault', 'vaultKeyFile'],
    'Example:\n  tocsin token list --json',
    list,
  );
  register(
    token
      .command('revoke <ID>')
      .description('revoke a token; the API refuses it within a second')
      .option('--reason <TEXT>', 'the reason; recorded in the log')
      .option('--actor <NAME>', 'who decides; recorded in the log', CLI_ACTOR),
    ['store', 'name', 'vault', 'vaultKeyFile'],
    'Example:\n  tocsin token revoke 5f0c2a9e1b7d4c33 --reason "was leaked"',
    revoke,
  );
}

const create: Work<CreateOptions> = async ({ config, terminal }, options) => {
  const { user, service, actor } = options;
  if ((user === undefined) === (service === undefined)) {
    throw wrong('give exactly one of --user and --service', 'Use --user ID or --service.');
  }
  await using store = await openSealedStore(config, 'tocsin token create');
  const result = await createTokens({ store, name: config.name }).create(
    {
      name: options.for ?? '',
      userId: user,
      scopes: scopesOf(options),
      expiresAt: expiryOf(options.expires),
    },
    { actor },
  );
  if (result.outcome === 'rejected') {
    throw wrong(result.message, 'Nothing was written. See tocsin token create --help.');
  }
  const { token, view } = result;
  terminal.print({ token, ...documentOf(view) });
  terminal.say(token);
  terminal.note(`Token ${view.tokenId} is not shown again (${summaryOf(view)}).`);
};

const list: Work<object> = async ({ config, terminal }) => {
  await using store = await openSealedStore(config, 'tocsin token list');
  const tokens = await createTokens({ store, name: config.name }).list();
  terminal.print({ tokens: tokens.map(documentOf) });
  for (const token of tokens) terminal.say(`${token.tokenId}  ${token.name}  ${summaryOf(token)}`);
  if (tokens.length === 0) terminal.say('No tokens; see tocsin token create --help.');
};

const revoke: Work<RevokeOptions> = async ({ config, terminal }, { id, reason, actor }) => {
  await using store = await openSealedStore(config, 'tocsin token revoke');
  const { outcome } = await createTokens({ store, name: config.name }).revoke(id, {
    actor,
    ...(reason === undefined ? {} : { reason }),
  });
  if (outcome === 'not_found') throw wrong('no token has that id', 'See tocsin token list.');
  terminal.print({ id, outcome });
  terminal.say(
    outcome === 'revoked'
      ? `${id} is revoked.`
      : 'The token was revoked before; nothing was written.',
  );
};

type ScopeList = (typeof SCOPES)[number][];

function scopesOf({ scopes, user }: CreateOptions): ScopeList {
  if (scopes === undefined) return user === undefined ? [] : [...USER_SCOPES];
  return scopes.split(',').map((wanted) => {
    const scope = SCOPES.find((known) => known === wanted.trim());
    if (scope !== undefined) return scope;
    throw wrong(`"${wanted.trim()}" is not a scope`, `Scopes are ${SCOPES.join(', ')}.`);
  });
}

function expiryOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined) return new Date(Date.now() + ms);
  const instant = parseInstant(text);
  if (instant.ok) return new Date(instant.value);
  throw wrong(`--expires ${instant.error}`, 'Use a duration such as 90d, or an RFC 3339 instant.');
}

function documentOf({ tokenId, name, userId, scopes, expiresAt, status }: TokenView): object {
  return {
    id: tokenId,
    name,
    user: userId ?? null,
    scopes,
    expiresAt: expiresAt === undefined ? null : formatInstant(expiresAt),
    status,
  };
}

function summaryOf({ userId, scopes, expiresAt, status }: TokenView): string {
  const whose = userId === undefined ? 'the service’s' : `of user ${userId}`;
  const until = expiresAt === undefined ? '' : `, until ${formatInstant(expiresAt)}`;
  return `${status}, ${whose}: ${scopes.join(', ')}${until}`;
}

function wrong(message: string, hint: string): TocsinError {
  return usageError('token_invalid', message, hint);
}
