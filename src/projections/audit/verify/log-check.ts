// All that verify can find wrong in a log from the log itself: gaps, events that contradict each other, and records
// that lack what they presuppose.
import { accessStream } from '../../../domain/access/events.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { AppendCheck } from './appends.ts';
import { ChannelStories } from './channel-stories.ts';
import { ClaimCheck } from './claims.ts';
import { DeliveryRecords, type RequestPage } from './deliveries.ts';
import type { Findings } from './mismatches.ts';
import { StreamCheck, type FollowStory } from './streams.ts';
import { TriggerStories } from './trigger-stories.ts';

export class LogCheck {
  readonly #streams: StreamCheck;
  readonly #triggers: TriggerStories;
  readonly #deliveries: DeliveryRecords;

  constructor(kernel: string, findings: Findings) {
    const appends = new AppendCheck(findings);
    const claims = new ClaimCheck(findings);
    const channels = new ChannelStories(kernel, findings);
    const access = accessStream(kernel);
    const triggers = new TriggerStories(findings, claims);
    const deliveries = new DeliveryRecords({
      kernel,
      findings,
      storyOf: (prefix, key) => this.#streams.storyOf(prefix, key),
    });
    const stories = new Map<string, FollowStory>([
      ['trigger', triggers.follow],
      ['idempotency', claims.follow],
      ['notification', deliveries.follow],
      ['channel', channels.follow],
    ]);
    this.#triggers = triggers;
    this.#deliveries = deliveries;
    this.#streams = new StreamCheck({
      findings,
      stories,
      seen: (event, name, isAfterGap) => {
        appends.see(event, name, isAfterGap);
        deliveries.passes(event);
        triggers.before(event);
        if (name.stream === access) channels.access(event);
      },
    });
  }

  get deliveries(): number {
    return this.#deliveries.records;
  }

  /** Checks the events of a page, after what they were folded to. */
  see(events: readonly RecordedEvent[]): void {
    for (const event of events) this.#streams.see(event);
  }

  /** Takes the requests of a page, before its events. See {@link DeliveryRecords.allow}. */
  requests(
    page: RequestPage,
    discarded: ReadonlySet<string>,
    sequences: ReadonlyMap<string, bigint>,
  ): void {
    this.#deliveries.allow(page, discarded, sequences);
  }

  /** Later requests are not known: see {@link DeliveryRecords.requestsEnd}. */
  requestsEnd(): void {
    this.#deliveries.requestsEnd();
  }

  end(): void {
    this.#triggers.end();
    this.#deliveries.end();
  }
}
