// The parts of an offer's events that do not come from the offer: channel, lifetime, link and texts. The most
// specific setting that names a part wins.
import { parseDuration } from '../core/durations.ts';
import { TocsinError } from '../core/errors.ts';
import { rejection } from '../core/input.ts';
import { err, ok, type Result } from '../core/result.ts';
import { cleanSummary, textsOf, type Texts } from '../notification/texts.ts';
import type { Rejection } from './commands.ts';
import type { OutcomeContext } from './decide-evaluation.ts';
import { isExpiry, type BoundTrigger, type TriggerDefinition } from './definitions.ts';
import type { Evaluation } from './evaluation.ts';

/** The parts of {@link OutcomeContext} that are known before the append. */
export type OutcomeParts = Omit<OutcomeContext, 'stream' | 'recordedAt'>;

/** What the embedder set for all types. */
export type NotificationDefaults = {
  readonly texts: Partial<Texts> | undefined;
  /** The channel of notifications whose raise, evaluation and definition name none. */
  readonly channel: string | undefined;
  /** The channels that have a sender; others are refused. */
  readonly channels: ReadonlySet<string>;
};

/** @throws TocsinError `invalid_evaluation` for a lifetime out of range */
export function outcomeParts(
  of: {
    readonly definition: TriggerDefinition;
    readonly bound: BoundTrigger;
    /** The channel that the raise named. */
    readonly channel: string | undefined;
    readonly evaluation: Evaluation | undefined;
  },
  defaults: NotificationDefaults,
): Result<OutcomeParts, Rejection> {
  const { definition, bound, evaluation } = of;
  const offer = evaluation?.outcome === 'offer' ? evaluation : undefined;
  const channel = of.channel ?? offer?.channel ?? definition.channel ?? defaults.channel;
  const isNeeded = of.channel !== undefined || offer !== undefined;
  if (isNeeded && (channel === undefined || !defaults.channels.has(channel))) {
    return err(unknownChannel(channel, defaults.channels));
  }
  return ok({
    link: bound.link,
    channel: channel ?? '',
    expiresInMs: expiryOf(offer?.expiresIn) ?? definition.expiresInMs,
    texts: textsOf(definition.texts, defaults.texts),
    summary: cleanSummary(offer?.summary, definition.summaryLinks),
  });
}

function unknownChannel(channel: string | undefined, channels: ReadonlySet<string>): Rejection {
  const served = [...channels].join(', ');
  return channel === undefined
    ? rejection(
        'unknown_channel',
        'channel',
        `is required, as the trigger type names none; one of ${served}`,
      )
    : rejection(
        'unknown_channel',
        'channel',
        `has no sender here; the channels with a sender are ${served}`,
      );
}

function expiryOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (isExpiry(ms)) return ms;
  throw new TocsinError(
    'usage',
    'invalid_evaluation',
    'the evaluation’s expiresIn is out of range',
    {
      hint: 'Return 1s to 30d, such as 36h.',
    },
  );
}
