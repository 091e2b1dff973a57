// `tocsin forget`: shreds a user's key and secrets, and checks that the log's personal data cannot be read.
import type { Command } from 'commander';
import { IdSchema } from '../../domain/core/identity.ts';
import { initialiseControl } from '../../kernel/control/control.ts';
import { forgetUser } from '../../kernel/sealing/forget.ts';
import { openStore } from '../compose/compose.ts';
import { createTokens } from '../../kernel/access/tokens.ts';
import { channelsOn, openSender, openVault } from '../compose/channels.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT, problemOf } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';

type Options = { readonly user: string; readonly actor: string };

export function forgetCommand(program: Command): void {
  const command = program
    .command('forget')
    .description('shred a user’s key and channels, and check that no personal data can be read')
    .requiredOption('--user <ID>', 'the user to forget; this cannot be undone')
    .option('--actor <NAME>', 'who decides; recorded in the log', CLI_ACTOR);
  register(
    command,
    ['store', 'name', 'vault', 'vaultKeyFile'],
    `Verdicts do not change, because no verdict depends on personal data. Events from before the vault existed are not
sealed; the command lists them and exits with 1. It also exits with 1 while another program reads an earlier
state of the vault's file: the file then still holds the bytes of the shredded records. Run the command again to
complete the deletion.

Example:
  tocsin forget --user 42 --json`,
    forget,
  );
}

const forget: Work<Options> = async ({ config, terminal }, { user, actor }) => {
  const userId = IdSchema.safeParse(user);
  if (!userId.success) {
    const hint = 'Use a user id of the events, such as 42.';
    throw usageError('invalid_user', 'that is not a user id', hint);
  }
  using vault = await openVault(config);
  await using store = await openStore(config, 'tocsin forget');
  await initialiseControl(kernelContext(store, config.name), { actor: CLI_ACTOR });
  const channels = await channelsOn(config, store, vault, await openSender(config), actor);
  const tokens = createTokens({ store, name: config.name });
  const context = { store, vault, channels, tokens, kernel: config.name, actor };
  const forgotten = await forgetUser(context, userId.data);
  const { unfinished, ...document } = forgotten;
  const { keyShredded, channelsRemoved, tokensRevoked } = forgotten;
  const { events, unreadable, readable, readableAt } = forgotten;
  terminal.print({ ...document, ...(unfinished && problemOf(unfinished)) });
  terminal.say(
    `user ${userId.data}: ${keyShredded ? 'the key is shredded' : 'there was no key'}, ` +
      `${channelsRemoved} channels removed, ${tokensRevoked} tokens revoked`,
  );
  terminal.say(`${events} events: ${unreadable} parts with personal data can no longer be read`);
  if (unfinished !== undefined)
    terminal.say(`not finished: ${unfinished.message}`, unfinished.hint);
  if (readable === 0) return unfinished === undefined ? EXIT.done : EXIT.partly;
  terminal.say(`${readable} parts were never sealed and can still be read:`);
  for (const { stream, position } of readableAt) terminal.say(`  ${position}  ${stream}`);
  return EXIT.partly;
};
