// Finds the closed streams of triggers in the log up to an archive's end, each with its idempotency claims and deliveries:
// they leave the log together, or not at all.
import { categoryPrefix, type StreamCategory } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { deliveryCodec } from '../../domain/delivery/events.ts';
import { evolveDelivery, hasEnded, type DeliveryState } from '../../domain/delivery/state.ts';
import { idempotencyCodec } from '../../domain/idempotency/events.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { StreamEnd } from '../../domain/ports/stream-remover.ts';
import {
  whyNotClosed,
  withoutTexts,
  type ClosedRules,
  type NotClosed,
} from '../../domain/trigger/closed.ts';
import { triggerCodec } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';

/**
 * Why a stream stays in the log: see `NotClosed`; `unreadable`: it has an event that this version cannot read; `younger`:
 * an event of it was recorded later; `needed`: it is parked, or a follower recognises the log by it.
 */
export type WhyKept = NotClosed | 'unreadable' | 'younger' | 'needed';

/** A closed trigger with all its streams, and how many events they have. */
export type ClosedTrigger = { readonly streams: readonly StreamEnd[]; readonly events: number };

export type ClosedPart = {
  readonly closed: readonly ClosedTrigger[];
  readonly kept: ReadonlyMap<WhyKept, number>;
};

export type ClosedOptions = ClosedRules & {
  readonly log: Pick<EventStore, 'readAll'>;
  /** The end of the archives. */
  readonly upTo: Position;
  /** The events of the archives: a long log is looked at part by part. */
  readonly events: number;
  /** Streams that stay. */
  readonly needed: ReadonlySet<string>;
};

const SHARES = 256;

/** Events whose streams are held in memory at once: about 1 KB for each trigger. */
const PART_EVENTS = 400_000;

const CATEGORIES = [
  'trigger',
  'idempotency',
  'notification',
] as const satisfies readonly StreamCategory[];

/** Part by part, by shares of the users: all streams of a trigger are in one share. */
export async function* closedStreams(
  options: ClosedOptions,
): AsyncGenerator<ClosedPart, void, undefined> {
  const { log, kernel, upTo, events } = options;
  const parts = Math.min(SHARES, Math.max(1, Math.ceil(events / PART_EVENTS)));
  for (let part = 0; part < parts; part += 1) {
    const shares: string[] = [];
    for (let share = part; share < SHARES; share += parts) {
      shares.push(share.toString(16).padStart(2, '0'));
    }
    const prefixes = CATEGORIES.flatMap((category) =>
      shares.map((share) => `${categoryPrefix(kernel, category)}${share}-`),
    );
    const found = new FoundStreams(kernel);
    for await (const page of log.readAll({ direction: 'forwards', prefixes })) {
      const end = page.findIndex(({ position }) => comparePositions(position, upTo) > 0);
      for (const event of end === -1 ? page : page.slice(0, end)) found.see(event);
      if (end !== -1) break;
    }
    yield found.part(options);
  }
}

type Facts = { last: bigint; recordedAt: Instant; isReadable: boolean };

class FoundStreams {
  readonly #prefixes: readonly [trigger: string, claim: string, delivery: string];
  readonly #triggers = new Map<string, Facts & { state: TriggerState; expiries: Instant[] }>();
  /** With the stream of the trigger that they belong to. */
  readonly #claims = new Map<string, Facts & { of?: string }>();
  readonly #deliveries = new Map<string, Facts & { of?: string; state: DeliveryState }>();

  constructor(kernel: string) {
    const [trigger, claim, delivery] = CATEGORIES.map((one) => categoryPrefix(kernel, one));
    this.#prefixes = [trigger ?? '', claim ?? '', delivery ?? ''];
  }

  see(recorded: RecordedEvent): void {
    const [trigger, claim] = this.#prefixes;
    if (recorded.stream.startsWith(trigger)) this.#trigger(recorded);
    else if (recorded.stream.startsWith(claim)) this.#claim(recorded);
    else this.#delivery(recorded);
  }

  part({ needed, ...rules }: ClosedOptions): ClosedPart {
    const claims = byTrigger(this.#claims);
    const deliveries = byTrigger(this.#deliveries);
    const kept = new Map<WhyKept, number>();
    const closed: ClosedTrigger[] = [];
    for (const [stream, trigger] of this.#triggers) {
      const own = [...(claims.get(stream) ?? []), ...(deliveries.get(stream) ?? [])];
      const all = [[stream, trigger] as const, ...own];
      const isDelivering = (deliveries.get(stream) ?? []).some(
        ([, { state }]) => state === undefined || !hasEnded(state),
      );
      const why = ((): WhyKept | undefined => {
        if (all.some(([, { isReadable }]) => !isReadable)) return 'unreadable';
        if (all.some(([, { recordedAt }]) => recordedAt >= rules.before)) return 'younger';
        if (all.some(([name]) => needed.has(name))) return 'needed';
        return (
          whyNotClosed(stream, trigger.state, trigger.expiries, rules) ??
          (isDelivering ? 'open' : undefined)
        );
      })();
      if (why !== undefined) {
        kept.set(why, (kept.get(why) ?? 0) + 1);
        continue;
      }
      const streams = all.map(([name, { last }]) => ({ stream: name, last }));
      const events = streams.reduce((sum, { last }) => sum + Number(last) + 1, 0);
      closed.push({ streams, events });
    }
    return { closed, kept };
  }

  #trigger(recorded: RecordedEvent): void {
    const facts = this.#triggers.get(recorded.stream) ?? {
      ...begun(),
      state: initialTrigger,
      expiries: [],
    };
    this.#triggers.set(recorded.stream, facts);
    const decoded = triggerCodec.decode(recorded);
    note(facts, recorded, decoded);
    if (decoded.kind !== 'event') return;
    facts.state = evolveTrigger(facts.state, withoutTexts(decoded.event));
    const { event } = decoded;
    if (event.type === 'NotificationRequested') facts.expiries.push(event.data.expiresAt);
  }

  #claim(recorded: RecordedEvent): void {
    const facts: Facts & { of?: string } = this.#claims.get(recorded.stream) ?? begun();
    this.#claims.set(recorded.stream, facts);
    const decoded = idempotencyCodec.decode(recorded);
    note(facts, recorded, decoded);
    if (decoded.kind === 'event') facts.of ??= decoded.event.data.triggerStream;
  }

  #delivery(recorded: RecordedEvent): void {
    const facts: Facts & { of?: string; state: DeliveryState } = this.#deliveries.get(
      recorded.stream,
    ) ?? { ...begun(), state: undefined };
    this.#deliveries.set(recorded.stream, facts);
    const decoded = deliveryCodec.decode(recorded);
    note(facts, recorded, decoded);
    if (decoded.kind !== 'event') return;
    const { event } = decoded;
    facts.state = evolveDelivery(facts.state, event);
    if (event.type === 'NotificationAccepted') facts.of ??= event.data.source.stream;
  }
}

function begun(): Facts {
  return { last: -1n, recordedAt: 0, isReadable: true };
}

function note(
  facts: Facts,
  { revision }: RecordedEvent,
  decoded: { readonly kind: string; readonly metadata?: { readonly recordedAt: Instant } },
): void {
  // A gap is somebody's deletion: the stream stays as it is.
  if (revision !== facts.last + 1n || decoded.kind !== 'event') facts.isReadable = false;
  facts.last = revision;
  facts.recordedAt = Math.max(facts.recordedAt, decoded.metadata?.recordedAt ?? 0);
}

function byTrigger<F extends { readonly of?: string }>(
  found: ReadonlyMap<string, F>,
): ReadonlyMap<string, (readonly [string, F])[]> {
  const lists = new Map<string, (readonly [string, F])[]>();
  for (const entry of found) {
    const { of } = entry[1];
    if (of === undefined) continue;
    const list = lists.get(of) ?? [];
    list.push(entry);
    lists.set(of, list);
  }
  return lists;
}
