// The sentences of a message, and the beginning of its link: those of its type, user and language.
import { checkedTexts, textsOf, type Texts } from '../../../domain/notification/texts.ts';
import type { NotificationRequest } from '../../../domain/notification/events.ts';
import type { TriggerDefinition } from '../../../domain/trigger/definitions.ts';
import type { Wording } from '../../../domain/delivery/message.ts';

/** Sentences in one language. */
export type LocalTexts = Partial<Texts> & {
  /** Such as `en` or `zh-CN`; senders get it with the message. */
  readonly language?: string;
};

/**
 * The sentences of a user's notifications of a type. An error, an answer that is no texts, and no answer within ten
 * seconds are an outage: the delivery waits. The signal is raised when nobody waits for the answer any more.
 */
export type TextsFor = (
  about: {
    readonly userId: string;
    readonly triggerType: string;
    readonly channel: string;
  },
  signal: AbortSignal,
) => LocalTexts | Promise<LocalTexts>;

export type WordingOf = (request: NotificationRequest, signal: AbortSignal) => Promise<Wording>;

const WHOSE = 'the texts of a worker';

/** Chosen texts come before those of the definition, which come before texts for all. @throws TocsinError `invalid_texts` */
export function wordingOf({
  texts,
  triggers = [],
  frontendUrl,
}: {
  readonly texts?: LocalTexts | TextsFor | undefined;
  readonly triggers?: readonly TriggerDefinition[] | undefined;
  readonly frontendUrl: string | undefined;
}): WordingOf {
  if (typeof texts === 'object') checkedTexts(texts, WHOSE);
  const definitions = new Map(triggers.map((definition) => [definition.type, definition]));
  return async ({ userId, triggerType, channel }, signal) => {
    const { texts: ofType, summaryLinks } = definitions.get(triggerType) ?? {};
    const common = { frontendUrl, summaryLinks };
    if (typeof texts !== 'function') {
      return { texts: textsOf(ofType, texts), language: texts?.language, ...common };
    }
    const chosen = checkedTexts(await texts({ userId, triggerType, channel }, signal), WHOSE);
    return { texts: textsOf(chosen, ofType), language: chosen.language, ...common };
  };
}
