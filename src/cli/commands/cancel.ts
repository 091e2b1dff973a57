// `tocsin cancel`: cancels triggers whose reason has gone, such as an invoice that was paid.
import type { Command } from 'commander';
import type { CancelInput } from '../../domain/trigger/cancel.ts';
import { silentLogger } from '../../domain/ports/logger.ts';
import { openProductKernel, openSealedStore } from '../compose/channels.ts';
import { CLI_ACTOR } from '../compose/kernel-context.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';

type Options = {
  readonly trigger?: string;
  readonly type?: string;
  readonly target?: string;
  readonly targetType?: string;
  readonly user?: string;
  readonly reason: string;
  readonly actor: string;
};

export function cancelCommand(program: Command): void {
  register(
    program
      .command('cancel [TRIGGER]')
      .description('cancel triggers whose reason has gone; recorded in the log')
      .option('--type <TYPE>', 'all triggers of this type about the target')
      .option('--target <ID>', 'the target, with --type')
      .option('--target-type <TYPE>', 'the type of the target (default any)')
      .option('--user <ID>', 'only triggers of this user (default all users)')
      .requiredOption('--reason <TEXT>', 'the reason; recorded in the log')
      .option('--actor <NAME>', 'who decides; recorded in the log', CLI_ACTOR),
    ['store', 'name', 'channel', 'vault', 'vaultKeyFile'],
    `TRIGGER is the id of a trigger (ast_…) or of its preview (asp_…). A notification that is not delivered yet is
not sent, and its window is free. A notification that was sent stays sent. A trigger about the target can then be
raised again.

Examples:
  tocsin cancel --type invoice_overdue --target INV-1 --reason "the invoice is paid"
  tocsin cancel ast_2a… --reason "raised by mistake"

The command exits with 1 if a trigger could not be cancelled because its preview is being applied.`,
    cancel,
  );
}

const cancel: Work<Options> = async ({ config, terminal }, options) => {
  const input = inputOf(options);
  await using store = await openSealedStore(config, 'tocsin cancel');
  await using kernel = await openProductKernel(config, store, { logger: silentLogger });
  const result = await kernel.cancel(input, { actor: options.actor });
  if (result.outcome === 'rejected') {
    throw usageError(result.code, result.message, 'Nothing was written. See tocsin cancel --help.');
  }
  if (result.outcome === 'not_found') {
    const hint = 'Nothing was written. See tocsin audit explain.';
    throw usageError('unknown_trigger', 'no trigger has that id and user', hint);
  }
  terminal.print(result);
  for (const { triggerId, userId, status, delivery } of result.triggers) {
    terminal.say(`${triggerId}  user ${userId}  ${status}  notification: ${delivery}`);
  }
  if (result.triggers.length === 0) terminal.say('No trigger about the target can be cancelled.');
  const isOpen = result.triggers.some(({ status }) => status === 'apply_in_progress');
  return isOpen ? EXIT.partly : EXIT.done;
};

function inputOf(options: Options): CancelInput {
  const { trigger, type, target, targetType, user: userId, reason } = options;
  const of = { reason, ...(userId === undefined ? {} : { userId }) };
  if (trigger !== undefined && type === undefined && target === undefined) {
    return { triggerId: trigger, ...of };
  }
  if (trigger === undefined && type !== undefined && target !== undefined) {
    const about = { triggerType: type, targetId: target, ...of };
    return targetType === undefined ? about : { ...about, targetType };
  }
  const hint = 'Example: tocsin cancel --type invoice_overdue --target INV-1 --reason "paid"';
  throw usageError('wrong_usage', 'name one TRIGGER, or --type and --target', hint);
}
