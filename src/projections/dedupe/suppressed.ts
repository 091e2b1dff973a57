// Counts the requests that were suppressed since the last notification of the same user and type, or of the same target:
// the next notification tells the reader of them.
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { Policy } from '../../domain/policy/policy.ts';
import { isPerTarget } from '../../domain/policy/windows.ts';
import type { SuppressedKey, SuppressedRequests, SuppressedSince } from '../read-model.ts';
import { subjectText, type RequestSubject } from './sent.ts';

/** By {@link suppressedText}. */
export type SuppressedByKey = ReadonlyMap<string, SuppressedRequests>;

/** Under a policy per target each target counts for itself. */
export function suppressedKey(policy: Policy, subject: RequestSubject): SuppressedKey {
  return isPerTarget(policy) ? subject : { ...subject, targetType: '', targetId: '' };
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
    const { mock, user, triggerType, targetType, targetId } = key;
    this.#changed.set(
      text,
      before === undefined
        ? { mock, user, triggerType, targetType, targetId, count: 1, firstAt: at, position }
        : { ...before, count: before.count + 1 },
    );
  }

  /** What the next notification of the key tells; null: nothing. */
  since(key: SuppressedKey): SuppressedSince | null {
    const before = this.#of(suppressedText(key));
    return before === undefined ? null : { count: before.count, firstAt: before.firstAt };
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
