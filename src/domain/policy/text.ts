// Policies as people write them: `anchored 30m on requestedAt`, `session(10m, max=4h) per target`, `none`.
import { match } from 'ts-pattern';
import { formatDuration, parseDuration } from '../core/durations.ts';
import { err, type Result } from '../core/result.ts';
import { printable } from '../core/text.ts';
import type { Issue } from '../core/input.ts';
import { checkPolicy, type Policy } from './policy.ts';

/** The text form of each kind; parts in brackets are optional. */
export const POLICY_FORMS = [
  'tumbling WINDOW [phase LENGTH|keyHash]',
  'anchored WINDOW',
  'rolling COUNT WINDOW',
  'session GAP max MAX',
  'none',
] as const;

/** What can be added to each kind; to `none` only `stale`. */
export const POLICY_OPTIONS =
  '[per user|target] [on requestedAt|recordedAt] [stale AFTER] [bypass COUNT]';

/** The values of each kind that need no name, in order. */
const POSITIONAL: Readonly<Record<string, readonly string[]>> = {
  tumbling: ['windowMs'],
  anchored: ['windowMs'],
  rolling: ['count', 'windowMs'],
  session: ['gapMs', 'maxMs'],
  none: [],
};

/** The fields by the word that stands before their value. */
const NAMED: Readonly<Record<string, string>> = {
  phase: 'phase',
  max: 'maxMs',
  gap: 'gapMs',
  per: 'per',
  on: 'axis',
  axis: 'axis',
  stale: 'staleAfterMs',
  bypass: 'bypasses',
};

/** Reads a policy; brackets, commas and equals signs count as spaces. */
export function parsePolicy(text: string): Result<Policy, readonly Issue[]> {
  const [kind = '', ...words] = text.split(/[\s(),=]+/).filter((word) => word !== '');
  const positional = POSITIONAL[kind];
  if (positional === undefined) return err([wrong(`${quoted(kind)} is no kind of policy`)]);
  const fields: Record<string, string | number> = {};
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const named = NAMED[word];
    const field = named ?? positional.find((each) => !(each in fields));
    const value = named === undefined ? word : words[(at += 1)];
    if (field === undefined || field in fields) {
      return err([wrong(`${quoted(word)} is not expected here`)]);
    }
    if (value === undefined) return err([wrong(`${word} needs a value`)]);
    const read = valueOf(field, value);
    if (read === undefined) return err([{ field: word, message: expected(field, value) }]);
    fields[field] = read;
  }
  return checkPolicy({ kind, ...fields });
}

/** The text that {@link parsePolicy} reads as this policy. */
export function formatPolicy(policy: Policy): string {
  const words = match(policy)
    .with({ kind: 'tumbling' }, ({ windowMs, phase }) => [
      formatDuration(windowMs),
      ...(phase === 0 ? [] : ['phase', phase === 'keyHash' ? phase : formatDuration(phase)]),
    ])
    .with({ kind: 'anchored' }, ({ windowMs }) => [formatDuration(windowMs)])
    .with({ kind: 'rolling' }, ({ count, windowMs }) => [String(count), formatDuration(windowMs)])
    .with({ kind: 'session' }, ({ gapMs, maxMs }) => [
      formatDuration(gapMs),
      'max',
      formatDuration(maxMs),
    ])
    .with({ kind: 'none' }, () => [])
    .exhaustive();
  const { kind, staleAfterMs } = policy;
  const stale = staleAfterMs === undefined ? [] : ['stale', formatDuration(staleAfterMs)];
  if (kind === 'none') return [kind, ...stale].join(' ');
  const { per, axis, bypasses } = policy;
  const scope = per === 'target' ? ['per', per] : [];
  const bypass = bypasses === undefined ? [] : ['bypass', String(bypasses)];
  return [kind, ...words, ...scope, ...stale, ...bypass, 'on', axis].join(' ');
}

function valueOf(field: string, text: string): string | number | undefined {
  if (field === 'axis' || field === 'per' || text === 'keyHash') return text;
  if (field === 'count' || field === 'bypasses') {
    return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  }
  return field === 'phase' && text === '0' ? 0 : parseDuration(text);
}

function expected(field: string, value: string): string {
  return field === 'count' || field === 'bypasses'
    ? `needs a whole number, not ${quoted(value)}`
    : `needs a duration such as 30m, 90s or 1h30m, not ${quoted(value)}`;
}

function wrong(what: string): Issue {
  return {
    field: 'policy',
    message: `${what}; write ${POLICY_FORMS.join(' | ')}, each ${POLICY_OPTIONS}`,
  };
}

function quoted(word: string): string {
  return JSON.stringify(printable(word));
}
