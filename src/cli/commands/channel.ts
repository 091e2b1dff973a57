// `tocsin channel`: configures the channels of a user. Addresses and tokens are secrets: they come from
// standard input, a file or the environment, because other users of the machine can read command lines.
import { text as readAll } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import { ADDRESS_CHANNELS } from '../../domain/channel/address.ts';
import type { ChannelKey } from '../../domain/channel/commands.ts';
import { initialiseControl } from '../../kernel/control/control.ts';
import type { Channels } from '../../kernel/channels/channels.ts';
import { isUnfinished } from '../../kernel/sealing/forget.ts';
import type { ChannelRejected, ChannelView } from '../../kernel/channels/view.ts';
import {
  channelsOn,
  kernelOptionsOf,
  openSealedStore,
  openSender,
  openVault,
} from '../compose/channels.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { loadConfig } from '../config/config.ts';
import { loadProduct } from '../config/product.ts';
import { readTextFile, usageError } from '../config/usage-error.ts';
import { EXIT, problemOf, type Terminal } from '../terminal/terminal.ts';
import { CHANNEL_SETTINGS } from '../config/settings.ts';
import { register, type Context, type Work } from './command.ts';

type Options = {
  readonly user: string;
  readonly channel: ChannelKey['channel'];
  readonly actor: string;
};
type PutOptions = Options & {
  readonly file?: string;
  readonly disabled?: true;
  /** The settings file. */
  readonly config?: string;
};

const URL_VARIABLE = 'TOCSIN_CHANNEL_URL';
const TOKEN_VARIABLE = 'TOCSIN_CHANNEL_TOKEN';
const SECRET_VARIABLE = 'TOCSIN_CHANNEL_SECRET';
const ALL_SETTINGS = ['store', 'name', ...CHANNEL_SETTINGS] as const;

export function channelCommand(program: Command): void {
  const channel = program
    .command('channel')
    .description('configure where users get notifications, and the secrets of their channels');
  register(
    ofOne(channel, 'put', 'configure a channel; the earlier configuration is shredded')
      .option('--file <FILE>', 'read the address from this file instead of standard input')
      .option('--disabled', 'configure the channel as disabled'),
    ALL_SETTINGS,
    `Secrets come from standard input, from --file, or from the variables ${URL_VARIABLE}, ${TOKEN_VARIABLE} and
${SECRET_VARIABLE}. Standard input and the file have the address alone, or a JSON object with url, bearerToken and
secret.

Examples:
  tocsin channel put --user 42 < address.txt
  tocsin channel put --user 42 --channel webhook --file receiver.json
  pass show feishu/42 | tocsin channel put --user 42`,
    put,
  );
  for (const [name, description, example, work] of [
    ['get', 'show a channel without its secrets', 'get --user 42', get],
    ['enable', 'enable a channel', 'enable --user 42', change('enable')],
    [
      'disable',
      'disable a channel; its deliveries are skipped',
      'disable --user 42 --channel webhook',
      change('disable'),
    ],
    ['remove', 'remove a channel and shred its secrets', 'remove --user 42', change('remove')],
    ['test', 'send a real test message; at most five per hour', 'test --user 42 --json', test],
  ] as const) {
    const command = ofOne(channel, name, description);
    register(command, ALL_SETTINGS, `Example:\n  tocsin channel ${example}`, work);
  }
  register(
    channel
      .command('list')
      .description('list the channels of a user')
      .requiredOption('--user <ID>', 'the user'),
    ALL_SETTINGS,
    'Example:\n  tocsin channel list --user 42 --json',
    list,
  );
  register(
    channel
      .command('rotate-key')
      .description('encrypt all secrets with the first of the vault’s keys'),
    ['vault', 'vaultKeyFile'],
    `Put the new key before the old key in the key file (or in TOCSIN_VAULT_KEY, separated by a comma), run this
command, and remove the old key.

Example:
  tocsin channel rotate-key`,
    rotate,
  );
}

function ofOne(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .requiredOption('--user <ID>', 'the user')
    .addOption(
      new Option('--channel <NAME>', 'the channel').choices(ADDRESS_CHANNELS).default('feishu'),
    )
    .option('--actor <NAME>', 'who decides; recorded in the log', CLI_ACTOR);
}

const put: Work<PutOptions> = async (context, options) => {
  const { terminal } = context;
  const { user: userId, channel, actor } = options;
  const secrets = await secretsFor(options);
  return using(context, async (channels) => {
    const enabled = options.disabled !== true;
    const result = await channels.put({ userId, channel, enabled, ...secrets }, { actor });
    if (result.outcome === 'rejected') throw refusal(result);
    terminal.print(result);
    showChannel(terminal, result.channel);
    if (result.generatedSecret !== undefined) {
      terminal.say(`  signing secret, shown this once: ${result.generatedSecret}`);
    }
    if (result.outcome === 'unchanged') terminal.say('No change; nothing was written.');
    await noteUnused(terminal, options);
  });
};

/** A channel that is not the default gets nothing by itself, which surprises whoever has just configured it. */
async function noteUnused(terminal: Terminal, { channel, config }: PutOptions): Promise<void> {
  // The option --channel means another thing here than the setting.
  const wanted = loadConfig(config === undefined ? {} : { config }, process.env).channel;
  const { channel: byDefault } = kernelOptionsOf(await loadProduct(), wanted);
  if (byDefault === undefined || byDefault === channel) return;
  terminal.note(
    `Notifications go to ${byDefault} by default, and to ${channel} only where the raise or its type names it. ` +
      `To make ${channel} the default, set TOCSIN_CHANNEL=${channel} for every process that raises.`,
  );
}

const get: Work<Options> = (context, { user: userId, channel }) =>
  using(context, async (channels) => {
    const view = await channels.get({ userId, channel });
    context.terminal.print(view);
    showChannel(context.terminal, view);
  });

const list: Work<Options> = (context, { user: userId }) =>
  using(context, async (channels) => {
    const views = await channels.list(userId);
    context.terminal.print({ channels: views });
    for (const view of views) showChannel(context.terminal, view);
    if (views.length === 0) context.terminal.say('No channel is configured.');
  });

const change =
  (what: 'enable' | 'disable' | 'remove'): Work<Options> =>
  (context, { user: userId, channel, actor }) =>
    using(context, async (channels) => {
      const result = await channels[what]({ userId, channel }, { actor });
      if (result.outcome === 'rejected') throw refusal(result);
      context.terminal.print(result);
      showChannel(context.terminal, result.channel);
      if (result.outcome === 'unchanged') context.terminal.say('No change; nothing was written.');
    });

const test: Work<Options> = (context, { user: userId, channel, actor }) =>
  using(context, async (channels) => {
    const { signal, terminal } = context;
    const result = await channels.test({ userId, channel }, { actor, signal });
    if (result.outcome === 'rejected') throw refusal(result);
    terminal.print(result);
    const { status, code, detail } = result;
    terminal.say(`${status}: ${code}${detail === undefined ? '' : ` (${detail})`}`);
    return status === 'success' ? EXIT.done : EXIT.partly;
  });

const rotate: Work<object> = async (context) => {
  const { config, terminal } = context;
  using vault = await openVault(config);
  let rotated: number;
  try {
    rotated = await vault.rotate();
  } catch (error) {
    return unfinished(terminal, error, 'The secrets are encrypted with the first key.');
  }
  terminal.print({ rotated });
  terminal.say(
    `${rotated} secrets are encrypted with the first key; older keys are no longer needed.`,
  );
  return EXIT.done;
};

async function using(
  { config, terminal }: Context,
  work: (channels: Channels) => Promise<number> | Promise<void>,
): Promise<number> {
  using vault = await openVault(config);
  await using store = await openSealedStore(config, 'tocsin channel');
  await initialiseControl(kernelContext(store, config.name), { actor: CLI_ACTOR });
  try {
    const channels = await channelsOn(config, store, vault, await openSender(config));
    return (await work(channels)) ?? EXIT.done;
  } catch (error) {
    return unfinished(terminal, error, 'The channel is changed.');
  }
}

/** The secrets are deleted, and the vault's files may still have their bytes. */
function unfinished(terminal: Terminal, error: unknown, done: string): number {
  if (!isUnfinished(error)) throw error;
  terminal.print(problemOf(error));
  terminal.say(done, `Not finished: ${error.message}`, error.hint);
  return EXIT.partly;
}

const Given = z.strictObject({
  url: z.string(),
  bearerToken: z.string().optional(),
  secret: z.string().optional(),
});

async function secretsFor({ file }: PutOptions): Promise<z.output<typeof Given>> {
  const { env } = process;
  const url = env[URL_VARIABLE];
  const fromEnvironment = { bearerToken: env[TOKEN_VARIABLE], secret: env[SECRET_VARIABLE] };
  if (url !== undefined && file === undefined) return { url, ...fromEnvironment };
  const given = (
    file === undefined ? await fromInput() : readTextFile(file, 'file_unusable', 'Check the path.')
  ).trim();
  if (given === '') {
    const hint = `Give it on standard input, in --file, or in ${URL_VARIABLE}; never as an argument.`;
    throw usageError('no_address', 'no address was given', hint);
  }
  if (!given.startsWith('{')) return { url: given, ...fromEnvironment };
  const parsed = Given.safeParse(tryParseJson(given));
  if (parsed.success) return parsed.data;
  const message = 'the input is neither an address nor a JSON object of that form';
  const hint =
    'Give an address alone, or a JSON object with url and optional bearerToken and secret.';
  throw usageError('invalid_address', message, hint);
}

function fromInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Address, then Ctrl-D: ');
  return readAll(process.stdin);
}

function showChannel(terminal: Terminal, view: ChannelView): void {
  if (!view.configured) {
    terminal.say(`${view.channel} of user ${view.userId}: not configured`);
    return;
  }
  const state = view.enabled ? 'on' : `off (${view.disabledBy ?? ''})`;
  const attention = view.attention === undefined ? '' : `, needs attention: ${view.attention}`;
  const tested = view.lastTest === undefined ? '' : `, last test ${view.lastTest.status}`;
  terminal.say(
    `${view.channel} of user ${view.userId}: ${view.kind}, ${state}, version ${view.version}${attention}${tested}`,
  );
  terminal.say(`  ${view.urlMask}`);
}

const HINTS: Readonly<Partial<Record<ChannelRejected['code'], string>>> = {
  not_configured: 'Configure it: tocsin channel put --help.',
  channel_disabled: 'Enable it: tocsin channel enable.',
  too_many_tests: 'A test sends a real message; tocsin channel get shows the last test.',
};

function refusal({ code, message }: ChannelRejected): TocsinError {
  const hint =
    HINTS[code] ?? 'Nothing was written. See docs/channels.md for the kinds of channels.';
  return usageError(code, message, hint);
}
