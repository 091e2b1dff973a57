// Why a notary stops: to sign on would take a head back.
import { TocsinError } from '../../domain/core/errors.ts';
import type { TreeHead } from './head.ts';

const KEEP =
  'Keep copies of the log, of the notary’s state and of all heads, and find out who can write to the log. `tocsin audit verify --head` names the leaf that differs. Nothing was signed.';

export function logChanged(leaf: number, detail: string): TocsinError {
  const message = `leaf ${leaf} of the log has changed after the notary had read it: ${detail}`;
  return new TocsinError('refused', 'log_changed', message, { hint: KEEP });
}

export function inconsistent({ size, time }: TreeHead, detail: string): TocsinError {
  const message = `the log is not consistent with the head of ${size} leaves of ${time}: ${detail}`;
  return new TocsinError('refused', 'head_inconsistent', message, { hint: KEEP });
}

export function otherLog(known: string, found: string): TocsinError {
  const message = `the notary’s state or head is of log ${known}, and this is ${found}`;
  return new TocsinError('refused', 'notary_of_other_log', message, {
    hint: 'Check --store, --notary and --heads: each log has a state and heads of its own.',
  });
}
