// `tocsin channel`: where a user's notifications go. Addresses and tokens are secrets: they come from
// standard input, a file or the environment, never from the command line, which everybody may read.
import { readFileSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import { CHANNELS } from '../../domain/core/vocabulary.ts';
import type { ChannelKey } from '../../domain/channel/commands.ts';
import { initialiseControl } from '../../kernel/control/control.ts';
import type { Channels } from '../../kernel/channels/channels.ts';
import type { ChannelRejected } from '../../kernel/channels/results.ts';
import type { ChannelView } from '../../kernel/channels/view.ts';
import { openStore } from '../compose/compose.ts';
import { channelsOn, openSender, openVault } from '../compose/channels.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { EXIT, type Terminal } from '../terminal/terminal.ts';
import { CHANNEL_SETTINGS } from '../config/settings.ts';
import { execute, withCommonOptions, type Context, type Work } from './command.ts';

type Options = {
  readonly user: string;
  readonly channel: ChannelKey['channel'];
  readonly actor: string;
  readonly json?: true;
};
type PutOptions = Options & { readonly file?: string; readonly disabled?: true };

const URL_VARIABLE = 'TOCSIN_CHANNEL_URL';
const TOKEN_VARIABLE = 'TOCSIN_CHANNEL_TOKEN';
const SECRET_VARIABLE = 'TOCSIN_CHANNEL_SECRET';

export function channelCommand(program: Command): void {
  const channel = program
    .command('channel')
    .description('where users’ notifications go, and the secrets that it takes');
  add(
    channel,
    'put',
    'configure a channel; what was configured before is shredded',
    `
What is secret comes from standard input (or --file), as the address alone or as a JSON object with
url, bearerToken and secret; or from ${URL_VARIABLE}, ${TOKEN_VARIABLE} and ${SECRET_VARIABLE}.

Examples:
  tocsin channel put --user 42 < address.txt
  tocsin channel put --user 42 --channel webhook --file receiver.json
  pass show feishu/42 | tocsin channel put --user 42`,
  )
    .option('--file <FILE>', 'read the address from this file instead of standard input')
    .option('--disabled', 'configure it switched off')
    .action((options: PutOptions) => execute(options, put));
  add(channel, 'get', 'a channel without its secrets', '\nExample:\n  tocsin channel get --user 42')
    // Reading needs the vault's key no more than the log does.
    .action((options: Options) => execute(options, get));
  add(
    channel,
    'enable',
    'switch a channel on',
    '\nExample:\n  tocsin channel enable --user 42',
  ).action((options: Options) => execute(options, change('enable')));
  add(
    channel,
    'disable',
    'switch a channel off; what is to be told is skipped',
    '\nExample:\n  tocsin channel disable --user 42 --channel webhook',
  ).action((options: Options) => execute(options, change('disable')));
  add(
    channel,
    'remove',
    'remove a channel and shred its secrets',
    '\nExample:\n  tocsin channel remove --user 42',
  ).action((options: Options) => execute(options, change('remove')));
  add(
    channel,
    'test',
    'send a test message, for real; at most five an hour',
    '\nExample:\n  tocsin channel test --user 42 --json',
  ).action((options: Options) => execute(options, test));
  withCommonOptions(
    channel
      .command('list')
      .description('a user’s channels')
      .requiredOption('--user <ID>', 'whose they are'),
    ['store', 'name', ...CHANNEL_SETTINGS],
  )
    .addHelpText('after', '\nExample:\n  tocsin channel list --user 42 --json')
    .action((options: Options) => execute(options, list));
  withCommonOptions(
    channel
      .command('rotate-key')
      .description('put every secret under the first of the vault’s keys'),
    ['vault', 'vaultKeyFile'],
  )
    .addHelpText(
      'after',
      `
Put the new key before the old one in the key file (or in TOCSIN_VAULT_KEY, with a comma between), run this,
and take the old one out.

Example:
  tocsin channel rotate-key`,
    )
    .action((options: { readonly json?: true }) => execute(options, rotate));
}

function add(parent: Command, name: string, description: string, help: string): Command {
  const command = parent
    .command(name)
    .description(description)
    .requiredOption('--user <ID>', 'whose channel it is')
    .addOption(new Option('--channel <NAME>', 'which').choices(CHANNELS).default('feishu'))
    .option('--actor <NAME>', 'who decides, for the record', CLI_ACTOR);
  return withCommonOptions(command, ['store', 'name', ...CHANNEL_SETTINGS]).addHelpText(
    'after',
    help,
  );
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
    tell(terminal, result.channel);
    if (result.generatedSecret !== undefined) {
      terminal.say(`  signing secret, shown this once: ${result.generatedSecret}`);
    }
    if (result.outcome === 'unchanged') terminal.say('It was so already; nothing was written.');
    return EXIT.done;
  });
};

const get: Work<Options> = (context, { user: userId, channel }) =>
  using(context, async (channels) => {
    const view = await channels.get({ userId, channel });
    context.terminal.print(view);
    tell(context.terminal, view);
    return EXIT.done;
  });

const list: Work<Options> = (context, { user: userId }) =>
  using(context, async (channels) => {
    const views = await channels.list(userId);
    context.terminal.print({ channels: views });
    for (const view of views) tell(context.terminal, view);
    if (views.length === 0) context.terminal.say('No channel is configured.');
    return EXIT.done;
  });

const change =
  (what: 'enable' | 'disable' | 'remove'): Work<Options> =>
  (context, { user: userId, channel, actor }) =>
    using(context, async (channels) => {
      const result = await channels[what]({ userId, channel }, { actor });
      if (result.outcome === 'rejected') throw refusal(result);
      context.terminal.print(result);
      tell(context.terminal, result.channel);
      if (result.outcome === 'unchanged') {
        context.terminal.say('It was so already; nothing was written.');
      }
      return EXIT.done;
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

const rotate: Work<object> = async ({ config, terminal }) => {
  using vault = await openVault(config);
  const rotated = vault.rotate();
  terminal.print({ rotated });
  terminal.say(`${rotated} secrets are under the current key now; older keys are not needed.`);
  return EXIT.done;
};

async function using(
  { config }: Context,
  work: (channels: Channels) => Promise<number>,
): Promise<number> {
  using vault = await openVault(config);
  await using store = await openStore(config, 'tocsin channel');
  await initialiseControl(kernelContext(store, config.name), { actor: CLI_ACTOR });
  return await work(channelsOn(config, store, vault, await openSender(config)));
}

const Given = z.strictObject({
  url: z.string(),
  bearerToken: z.string().optional(),
  secret: z.string().optional(),
});

/** What is secret, from where it may come from. */
async function secretsFor({ file }: PutOptions): Promise<z.output<typeof Given>> {
  const { env } = process;
  const url = env[URL_VARIABLE];
  const fromEnvironment = { bearerToken: env[TOKEN_VARIABLE], secret: env[SECRET_VARIABLE] };
  if (url !== undefined && file === undefined) return { url, ...fromEnvironment };
  const given = (file === undefined ? await fromInput() : fromFile(file)).trim();
  if (given === '') {
    throw new TocsinError('usage', 'no_address', 'there is no address', {
      hint: `Give it on standard input, in --file, or in ${URL_VARIABLE}; never as an argument.`,
    });
  }
  if (!given.startsWith('{')) return { url: given, ...fromEnvironment };
  const parsed = Given.safeParse(tryParseJson(given));
  if (parsed.success) return parsed.data;
  throw new TocsinError('usage', 'invalid_address', 'what was read is not of that form', {
    hint: 'It is an address alone, or a JSON object with url, and as needed bearerToken and secret.',
  });
}

function fromInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Address, then Ctrl-D: ');
  return readAll(process.stdin);
}

function fromFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TocsinError('usage', 'file_unusable', `cannot read ${file}`, {
      hint: 'Check the path.',
      cause,
    });
  }
}

function tell(terminal: Terminal, view: ChannelView): void {
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
  channel_disabled: 'Switch it on: tocsin channel enable.',
  too_many_tests: 'A test is a real message; see tocsin channel get for the last one.',
};

function refusal({ code, message }: ChannelRejected): TocsinError {
  const hint =
    HINTS[code] ?? 'Nothing was written. See docs/channels.md for the kinds of channels.';
  return new TocsinError('usage', code, message, { hint });
}
