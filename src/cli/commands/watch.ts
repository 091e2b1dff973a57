// `tocsin watch`: shows the messages that a JetStream consumer gets.
import type { Command } from 'commander';
import { watchOutput } from '../../adapters/nats/watch.ts';
import { describeMessage } from '../terminal/describe-message.ts';
import { natsOptions } from '../compose/compose.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { usageError } from '../config/usage-error.ts';
import { register, type Work } from './command.ts';

type Options = { readonly from: string };

export function watchCommand(program: Command): void {
  register(
    program
      .command('watch')
      .description('show the messages of the output stream as they arrive')
      .option('--from <WHERE>', 'now, all, or a sequence number of the stream', 'now'),
    NATS_SETTINGS,
    'Examples:\n  tocsin watch\n  tocsin watch --from all --json',
    watch,
  );
}

const watch: Work<Options> = async ({ config, terminal, signal }, options) => {
  const from = parseFrom(options.from);
  for await (const message of watchOutput({ ...natsOptions(config), from, signal })) {
    const shown = describeMessage(message);
    terminal.print(shown.document);
    terminal.say(shown.line);
  }
};

function parseFrom(text: string): 'now' | 'all' | bigint {
  if (text === 'now' || text === 'all') return text;
  if (/^[1-9]\d{0,18}$/.test(text)) return BigInt(text);
  const hint = 'Use now, all, or a sequence number from 1.';
  throw usageError('invalid_from', `--from ${text} is not a sequence of the stream`, hint);
}
