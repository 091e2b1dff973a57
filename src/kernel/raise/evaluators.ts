import type { Evaluator } from '../../domain/ports/evaluator.ts';
import type { Texts } from '../../domain/notification/texts.ts';

/** The default evaluator: offers a reminder for every trigger, with the type's summary of `texts`. */
export function alwaysNotify(texts: Texts): Evaluator {
  return (request) => {
    const summary = texts.summaries[request.triggerType];
    return { outcome: 'offer', kind: 'reminder', ...(summary === undefined ? {} : { summary }) };
  };
}
