// The output of `tocsin start` while it runs: lines of text, or NDJSON with --json.
import { formatInstantSeconds } from '../../domain/core/instants.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { CHANNEL_WARNINGS } from '../../kernel/processes/delivery/report-delivery.ts';
import type { ReadModelCommit } from '../../projections/read-model.ts';
import type { LineOutcome } from '../compose/raise-file.ts';
import type { OnReceived } from './stand-in-receiver.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** The example receiver fails on purpose: these are part of the story. */
const ABOUT_CHANNELS: ReadonlySet<string> = new Set(Object.values(CHANNEL_WARNINGS));

export type Narrator = {
  readonly raised: (outcome: LineOutcome) => void;
  readonly committed: (commit: ReadModelCommit) => void;
  /** A request at the stand-in for Feishu. */
  readonly received: OnReceived;
  readonly logger: Logger;
};

export function createNarrator(terminal: Terminal): Narrator {
  const show = (event: string, fields: object, line: string): void => {
    terminal.print({ event, ...fields });
    terminal.say(line);
  };
  return {
    raised(outcome) {
      if (outcome.kind === 'error') {
        const { line, code, message } = outcome;
        show('rejected', { line, code, message }, `  rejected    line ${line}: ${message}`);
        return;
      }
      const { result } = outcome;
      if (result.outcome === 'raised') {
        show('raised', result, `  raised      ${result.triggerId}`);
      } else if (result.outcome === 'duplicate') {
        show('duplicate', result, `  duplicate   of ${result.triggerId}`);
      }
    },

    committed({ verdicts }) {
      for (const row of verdicts) {
        const { verdict, reason, basis, messageId, sequence, user, triggerType, windowStart } = row;
        const window = windowStart === null ? '' : formatInstantSeconds(windowStart);
        const what = `user ${user ?? '?'}  ${triggerType ?? '?'}  window ${window}`;
        const why = verdict === 'published' ? `#${sequence ?? '-'}` : `${reason}: ${basis ?? ''}`;
        show(
          verdict,
          { user, triggerType, window, reason, basis, notificationId: messageId, sequence },
          `  ${verdict.padEnd(11)} ${what}  ${why}`,
        );
      }
    },

    received({ kind, text, code, msg }) {
      const line = text.replaceAll('\n', ' ');
      const fields = { kind, text, code, msg };
      show('heard', fields, `  to a person by ${kind}: “${line}”, answered ${code} ${msg}`);
    },

    // The lines above show the progress, so only warnings and errors are logged.
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (fields, message) => {
        const line = `  ${message} ${detail(fields)}`;
        if (ABOUT_CHANNELS.has(message)) terminal.say(line);
        else terminal.note(line);
      },
      error: (fields, message) => {
        terminal.note(`  ${message} ${detail(fields)}`);
      },
    },
  };
}

function detail(fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
  return shown.length === 0 ? '' : `(${shown.join(', ')})`;
}

/** A terminal that prints no JSON: with --once and --json the summary is the one document on stdout. */
export function withoutJson(terminal: Terminal): Terminal {
  return { ...terminal, print: () => undefined };
}
