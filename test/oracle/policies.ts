// The dedupe policies once more, straight from their definitions and with nothing of the product's: one
// loop over the requests of one user and type, in the order of the log. For comparison only.

export type Definition = (
  | { kind: 'tumbling'; windowMs: number; phase: number }
  | { kind: 'anchored'; windowMs: number }
  | { kind: 'rolling'; count: number; windowMs: number }
  | { kind: 'session'; gapMs: number; maxMs: number }
  | { kind: 'none' }
) & { per?: 'target' | undefined; axis?: 'requestedAt' | 'recordedAt' };

/** A request at an instant about a target, or the death or the redrive of what the nth request led to. */
export type Happening = { at: number; target?: string } | { died: number } | { redriven: number };

type Sent = { at: number; released: boolean; releases: number };

/** For each request, whether it is let through. */
export function bruteForce(definition: Definition, happenings: readonly Happening[]): boolean[] {
  if (definition.per === 'target') return perTarget(definition, happenings);
  if (definition.kind === 'session') return sessions(definition, happenings);
  if (definition.kind === 'none') {
    return happenings.flatMap((happening) => ('at' in happening ? [true] : []));
  }
  const verdicts: boolean[] = [];
  const sent = new Map<number, Sent>();
  const window = (at: number): number =>
    definition.kind === 'tumbling'
      ? Math.floor((at - definition.phase) / definition.windowMs)
      : Number.NaN;
  const together = (a: number, b: number): boolean =>
    definition.kind === 'tumbling'
      ? window(a) === window(b)
      : Math.abs(a - b) < definition.windowMs;
  for (const happening of happenings) {
    if ('died' in happening) {
      const dead = sent.get(happening.died);
      if (dead === undefined || dead.released) continue;
      let releases = 0;
      for (const other of sent.values())
        if (together(other.at, dead.at)) releases += other.releases;
      if (releases >= 2) continue;
      dead.released = true;
      dead.releases += 1;
    } else if ('redriven' in happening) {
      const again = sent.get(happening.redriven);
      if (again !== undefined) again.released = false;
    } else {
      const { at } = happening;
      const counting = [...sent.values()].filter((notification) => !notification.released);
      let suppressed: boolean;
      if (definition.kind === 'rolling') {
        // Stamped later, and yet before it in the log: the clocks of two kernels differ.
        const end = definition.axis === 'recordedAt' ? at + definition.windowMs : at + 1;
        const inWindow = counting.filter((n) => at - definition.windowMs < n.at && n.at < end);
        suppressed = inWindow.length >= definition.count;
      } else {
        suppressed = counting.some((n) => together(n.at, at));
      }
      if (!suppressed) sent.set(verdicts.length, { at, released: false, releases: 0 });
      verdicts.push(!suppressed);
    }
  }
  return verdicts;
}

/** A policy per target is the same policy for each target's requests alone, as if there were no others. */
function perTarget(definition: Definition, happenings: readonly Happening[]): boolean[] {
  const requests = happenings.filter((happening) => 'at' in happening);
  const verdicts = requests.map(() => false);
  for (const target of new Set(requests.map((request) => request.target))) {
    const own = requests.flatMap((request, n) => (request.target === target ? [n] : []));
    let seen = -1;
    const alone = happenings.flatMap((happening): Happening[] => {
      if ('at' in happening) {
        seen += 1;
        return own.includes(seen) ? [{ at: happening.at }] : [];
      }
      if ('died' in happening) {
        return own.includes(happening.died) ? [{ died: own.indexOf(happening.died) }] : [];
      }
      return own.includes(happening.redriven)
        ? [{ redriven: own.indexOf(happening.redriven) }]
        : [];
    });
    bruteForce({ ...definition, per: undefined }, alone).forEach((verdict, index) => {
      verdicts[own[index] ?? 0] = verdict;
    });
  }
  return verdicts;
}

type Session = Sent & { last: number };

/**
 * A session is a notification and the requests that it held back. It is open at an instant that is less than the
 * gap away from the nearest of its requests on that side, and less than the maximum after its notification; so a
 * late request belongs to the session that it would have begun. Of several open ones the latest holds.
 */
function sessions(
  { gapMs, maxMs }: { gapMs: number; maxMs: number },
  happenings: readonly Happening[],
): boolean[] {
  const verdicts: boolean[] = [];
  const sent = new Map<number, Session>();
  const isOpen = (session: Session, at: number): boolean =>
    at > session.at - gapMs && at < session.last + gapMs && at < session.at + maxMs;
  for (const happening of happenings) {
    if ('died' in happening) {
      const dead = sent.get(happening.died);
      if (dead === undefined || dead.released) continue;
      const near = [...sent.values()].filter((o) => isOpen(o, dead.at) || isOpen(dead, o.at));
      if (near.reduce((sum, { releases }) => sum + releases, 0) >= 2) continue;
      dead.released = true;
      dead.releases += 1;
    } else if ('redriven' in happening) {
      const again = sent.get(happening.redriven);
      if (again !== undefined) again.released = false;
    } else {
      const { at } = happening;
      const open = [...sent.values()].filter((each) => !each.released && isOpen(each, at));
      const holder = open.toSorted((a, b) => b.at - a.at)[0];
      if (holder === undefined) {
        sent.set(verdicts.length, { at, last: at, released: false, releases: 0 });
      } else {
        holder.last = Math.max(holder.last, at);
      }
      verdicts.push(holder === undefined);
    }
  }
  return verdicts;
}
