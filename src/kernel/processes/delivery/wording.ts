// The sentences of a message, and the beginning of its link: those of its type, user and language.
import { textsOf, type Texts } from '../../../domain/notification/texts.ts';
import type { NotificationRequest } from '../../../domain/notification/events.ts';
import type { TriggerDefinition } from '../../../domain/trigger/definitions.ts';
import type { Wording } from '../../../domain/delivery/message.ts';

/** Sentences in one language. */
export type LocalTexts = Partial<Texts> & {
  /** Such as `en` or `zh-CN`; senders get it with the message. */
  readonly language?: string;
};

/** The sentences of a user's notifications of a type. An error is an outage: the delivery is tried again later. */
export type TextsFor = (about: {
  readonly userId: string;
  readonly triggerType: string;
  readonly channel: string;
}) => LocalTexts | Promise<LocalTexts>;

export type WordingOf = (request: NotificationRequest) => Promise<Wording>;

/** Chosen texts come before those of the definition, which come before texts for all. */
export function wordingOf({
  texts,
  triggers = [],
  frontendUrl,
}: {
  readonly texts?: LocalTexts | TextsFor | undefined;
  readonly triggers?: readonly TriggerDefinition[] | undefined;
  readonly frontendUrl: string | undefined;
}): WordingOf {
  const definitions = new Map(triggers.map((definition) => [definition.type, definition]));
  return async ({ userId, triggerType, channel }) => {
    const { texts: ofType, summaryLinks } = definitions.get(triggerType) ?? {};
    const common = { frontendUrl, summaryLinks };
    if (typeof texts !== 'function') {
      return { texts: textsOf(ofType, texts), language: texts?.language, ...common };
    }
    const chosen = await texts({ userId, triggerType, channel });
    return { texts: textsOf(chosen, ofType), language: chosen.language, ...common };
  };
}
