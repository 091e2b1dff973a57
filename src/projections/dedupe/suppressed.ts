// Counts the requests that were suppressed since the last notification of the same user and type, or of the same target:
// the next notification tells the reader of them.
import type { Instant } from '../../domain/core/instants.ts';
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { Policy } from '../../domain/policy/policy.ts';
import { isPerTarget } from '../../domain/policy/windows.ts';
import type {
  MutedRequest,
  SuppressedKey,
  SuppressedRequests,
  SuppressedSince,
} from '../read-model.ts';
import { subjectText, type RequestSubject } from './sent.ts';

/** By {@link suppressedText}. */
export type SuppressedByKey = ReadonlyMap<string, SuppressedRequests>;

/** Under a policy per target each target counts for itself. */
export function suppressedKey(policy: Policy, subject: RequestSubject): SuppressedKey {
  if (isPerTarget(policy)) return subject;
  const { mock, user, triggerType } = subject;
  return { mock, user, triggerType, targetType: '', targetId: '' };
}

/** One text per key; ids and types cannot hold the separator. */
export function suppressedText(key: SuppressedKey): string {
  const { targetType, targetId } = key;
  return targetId === '' ? subjectText(key) : `${subjectText(key)} ${targetType} ${targetId}`;
}

/** The counts while a page is folded. */
export class SuppressedCounts {
  readonly #prior: SuppressedByKey;
  readonly #changed = new Map<string, SuppressedRequests>();

  constructor(prior: SuppressedByKey) {
    this.#prior = prior;
  }

  /** Counts a suppressed request. @param at when it happened */
  add(key: SuppressedKey, at: Instant, position: Position): void {
    const text = suppressedText(key);
    const before = this.#of(text);
    if (before !== undefined) {
      const { count, secondAt } = before;
      this.#changed.set(text, { ...before, count: count + 1, secondAt: secondAt ?? at });
      return;
    }
    const { mock, user, triggerType, targetType, targetId } = key;
    const about = { mock, user, triggerType, targetType, targetId };
    this.#changed.set(text, { ...about, count: 1, firstAt: at, secondAt: null, position });
  }

  /** What the next notification of the key tells; null: nothing. @param released it, and does not tell of itself */
  since(key: SuppressedKey, released?: MutedRequest): SuppressedSince | null {
    const before = this.#of(suppressedText(key));
    if (before === undefined) return null;
    const { count, firstAt, secondAt, position } = before;
    const isSameKey = (released?.per === 'target') === (key.targetId !== '');
    const order = released && isSameKey ? comparePositions(released.position, position) : -1;
    if (order < 0) return { count, firstAt };
    if (order > 0) return { count: count - 1, firstAt };
    return secondAt === null ? null : { count: count - 1, firstAt: secondAt };
  }

  /** A notification has told the count. */
  reset(key: SuppressedKey): void {
    const text = suppressedText(key);
    const before = this.#of(text);
    if (before !== undefined) this.#changed.set(text, { ...before, count: 0 });
  }

  rows(): readonly SuppressedRequests[] {
    return [...this.#changed.values()];
  }

  #of(text: string): SuppressedRequests | undefined {
    const found = this.#changed.get(text) ?? this.#prior.get(text);
    return found?.count === 0 ? undefined : found;
  }
}
