// Counts the requests that were suppressed since the last notification of the same user and type, or of the same
// target. The message of the next notification has this count.
import type { Instant } from '../../domain/core/instants.ts';
import {
  comparePositions,
  formatPosition,
  parsePosition,
  type Position,
} from '../../domain/core/positions.ts';
import type { KeyedPer } from '../../domain/policy/per.ts';
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
export function suppressedKey(per: KeyedPer, subject: RequestSubject): SuppressedKey {
  if (per === 'target') return subject;
  const { mock, user, triggerType } = subject;
  return { mock, user, triggerType, targetType: '', targetId: '' };
}

/** One text per key; ids and types cannot hold the separator. @param subject the key's `subjectText` */
export function suppressedText(key: SuppressedKey, subject = subjectText(key)): string {
  const { targetType, targetId } = key;
  return targetId === '' ? subject : `${subject} ${targetType} ${targetId}`;
}

/** The counts while a page is folded. `text` is the {@link suppressedText} of a key. */
export class SuppressedCounts {
  readonly #prior: SuppressedByKey;
  readonly #changed = new Map<string, SuppressedRequests>();

  constructor(prior: SuppressedByKey) {
    this.#prior = prior;
  }

  /** Counts a suppressed request. @param at when it happened */
  add(text: string, key: SuppressedKey, at: Instant, decidedAt: Position): void {
    const before = this.#of(text);
    const { mock, user, triggerType, targetType, targetId } = key;
    this.#changed.set(text, {
      mock,
      user,
      triggerType,
      targetType,
      targetId,
      count: before === undefined ? 1 : before.count + 1,
      firstAt: before === undefined ? at : before.firstAt,
      secondAt: before === undefined ? null : (before.secondAt ?? at),
      position: before === undefined ? formatPosition(decidedAt) : before.position,
    });
  }

  /**
   * What the next notification of the key tells; null: nothing.
   * @param released the request that the notification is about, if it was counted under this key: it does not tell of
   *   itself
   */
  since(text: string, released?: MutedRequest): SuppressedSince | null {
    const before = this.#of(text);
    if (before === undefined) return null;
    const { count, firstAt, secondAt } = before;
    const order = released === undefined ? -1 : compareWithFirst(released, before);
    if (order < 0) return { count, firstAt };
    if (order > 0) return { count: count - 1, firstAt };
    return secondAt === null ? null : { count: count - 1, firstAt: secondAt };
  }

  /**
   * Stops counting a released request that was published under another key. `firstAt` stays, also if the request was the
   * first: a row does not hold the time of every request.
   */
  discount(text: string, released: MutedRequest): void {
    const before = this.#of(text);
    if (before === undefined || compareWithFirst(released, before) < 0) return;
    this.#changed.set(text, { ...before, count: before.count - 1 });
  }

  /** A notification has told the count. */
  reset(text: string): void {
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

/** Negative: the released request was suppressed before the first that is counted, and was told already. */
function compareWithFirst(released: MutedRequest, { position }: SuppressedRequests): number {
  const first = parsePosition(position);
  return first === undefined ? -1 : comparePositions(released.position, first);
}
