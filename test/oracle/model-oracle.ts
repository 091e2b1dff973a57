// The list of messages that a log stands for, under one policy, two rulesets and releases: one loop over
// raw events, with nothing of the product's. A window is a question to two instants.

/** As much of an event as decides something. */
export type LogEvent = {
  readonly id: string;
  readonly stream: string;
  readonly type: string;
  readonly data: unknown;
};

export type ModelPolicy =
  | { readonly kind: 'tumbling'; readonly windowMs: number }
  | { readonly kind: 'anchored'; readonly windowMs: number }
  | { readonly kind: 'rolling'; readonly windowMs: number; readonly count: number };

/** One message of the list: the event that it comes from, and what it is about. */
export type ListedMessage = {
  readonly source: string;
  readonly rule: 'triggered' | 'notification';
};

/** A notification that was let through. */
export type ListedNotification = {
  readonly source: string;
  readonly subject: string;
  readonly at: number;
  released: boolean;
  releases: number;
};

export type Listed = {
  readonly messages: readonly ListedMessage[];
  readonly notifications: readonly ListedNotification[];
};

/** Under ruleset 2 of the model every window is half as long. */
const sizeUnder = ({ windowMs }: ModelPolicy, ruleset: number): number =>
  ruleset === 2 ? windowMs / 2 : windowMs;

/**
 * @param notificationOf the id of the notification that a request leads to
 */
export function listOf(
  events: readonly LogEvent[],
  policy: ModelPolicy,
  notificationOf: (source: string) => string,
): Listed {
  const messages: ListedMessage[] = [];
  const notifications: ListedNotification[] = [];
  let ruleset = 1;
  const together = (a: number, b: number, size: number): boolean =>
    policy.kind === 'tumbling'
      ? Math.floor(a / size) === Math.floor(b / size)
      : Math.abs(a - b) < size;
  for (const { id, type, data } of events) {
    const said = data as Readonly<Record<string, unknown>>;
    if (type === 'RulesetActivated') ruleset = Number(said['ruleset']);
    if (type === 'TriggerRaised') messages.push({ source: id, rule: 'triggered' });
    if (type === 'DeliveryDied' || type === 'DeliveryExpired') {
      const dead = notifications.find(
        ({ source }) => notificationOf(source) === said['notificationId'],
      );
      if (dead === undefined || dead.released || said['doubtful'] === true) continue;
      const near = notifications.filter(
        ({ subject, at }) => subject === dead.subject && together(at, dead.at, policy.windowMs),
      );
      if (near.reduce((sum, { releases }) => sum + releases, 0) >= 2) continue;
      dead.released = true;
      dead.releases += 1;
    }
    if (type !== 'NotificationRequested') continue;
    const subject = JSON.stringify([said['mock'], said['userId'], said['triggerType']]);
    const at = Date.parse(String(said['triggerRequestedAt']));
    const size = sizeUnder(policy, ruleset);
    const counting = notifications.filter(
      (notification) => notification.subject === subject && !notification.released,
    );
    const held =
      policy.kind === 'rolling'
        ? counting.filter((n) => at - size < n.at && n.at <= at).length >= policy.count
        : counting.some((n) => together(n.at, at, size));
    if (held) continue;
    notifications.push({ source: id, subject, at, released: false, releases: 0 });
    messages.push({ source: id, rule: 'notification' });
  }
  return { messages, notifications };
}
