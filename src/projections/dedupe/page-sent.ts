// The sent notifications while a page is folded: the notifications from before the page, and the notifications that
// the page adds and changes.
import type { SentNotification } from '../read-model.ts';
import type { SentById } from './sent.ts';

const NONE: readonly SentNotification[] = [];

/** Subjects are named by their `subjectText`. */
export class PageSent {
  readonly #prior: ReadonlyMap<string, SentById>;
  /** All sent notifications of the subjects that this page has changed; the prior state has the others. */
  readonly #changed = new Map<string, Map<string, SentNotification>>();
  readonly #sent = new Map<string, SentNotification>();
  readonly #amended = new Map<string, SentNotification>();

  constructor(prior: ReadonlyMap<string, SentById>) {
    this.#prior = prior;
  }

  of(subject: string): readonly SentNotification[] {
    const sent = this.#changed.get(subject) ?? this.#prior.get(subject);
    return sent === undefined ? NONE : [...sent.values()];
  }

  find(subject: string, id: string): SentNotification | undefined {
    return (this.#changed.get(subject) ?? this.#prior.get(subject))?.get(id);
  }

  add(subject: string, sent: SentNotification): void {
    this.#sent.set(sent.id, sent);
    this.#changing(subject).set(sent.id, sent);
  }

  /** Replaces an earlier version of a notification. */
  amend(subject: string, sent: SentNotification): void {
    this.#changing(subject).set(sent.id, sent);
    const isOfThisPage = this.#sent.has(sent.id);
    (isOfThisPage ? this.#sent : this.#amended).set(sent.id, sent);
  }

  rows() {
    return { sentNotifications: [...this.#sent.values()], amended: [...this.#amended.values()] };
  }

  #changing(subject: string): Map<string, SentNotification> {
    let sent = this.#changed.get(subject);
    if (sent === undefined) {
      sent = new Map(this.#prior.get(subject));
      this.#changed.set(subject, sent);
    }
    return sent;
  }
}
