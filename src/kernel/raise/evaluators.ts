import type { Evaluator } from '../../domain/ports/evaluator.ts';
import type { Texts } from '../../domain/texts.ts';

/** The built-in evaluator: every trigger is worth a reminder, in the catalogue's words. */
export function alwaysNotify(texts: Texts): Evaluator {
  return (request) => {
    const summary = texts.summaries[request.triggerType];
    return { outcome: 'offer', kind: 'reminder', ...(summary === undefined ? {} : { summary }) };
  };
}
