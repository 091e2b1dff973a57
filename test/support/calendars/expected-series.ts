// What a generated series means, by independent implementations: rrule-temporal for the rules, Temporal for
// zones and lengths. Nothing here comes from the reader.
import { Temporal } from '@js-temporal/polyfill';
import { RRuleTemporal } from 'rrule-temporal';
import type { GeneratedSeries } from './generate-series.ts';

const DAY = 24 * 60 * 60_000;

export const icalTime = (at: number): string =>
  new Date(at).toISOString().replace(/[-:]|\.\d{3}Z/g, '');

export type ExpectedRow = { readonly id: string; readonly startAt: number; readonly endAt: number };

export type ExpectedSeries = {
  /** The lines of the calendar. */
  readonly text: string;
  readonly now: number;
  readonly rows: readonly ExpectedRow[];
};

/** The instant of a local time, as another library knows it. */
export function instantIn(zone: string, local: number): number {
  const text = new Date(local).toISOString().slice(0, -1);
  return Temporal.PlainDateTime.from(text).toZonedDateTime(zone).epochMilliseconds;
}

function localIn(zone: string, at: number): number {
  const text = Temporal.Instant.fromEpochMilliseconds(at)
    .toZonedDateTimeISO(zone)
    .toPlainDateTime();
  return Date.parse(`${text.toString({ fractionalSecondDigits: 3 })}Z`);
}

/** The local times of a rule, between two. */
function locals(rule: string, dtstart: number, from: number, to: number): readonly number[] {
  const rruleString = `DTSTART:${icalTime(dtstart)}Z\nRRULE:${rule}`;
  const limits = { maxIterations: 1_000_000, maxCandidateEvaluations: 10_000_000 };
  return new RRuleTemporal({ rruleString, ...limits })
    .between(new Date(from), new Date(to), true)
    .map(({ epochMilliseconds }) => epochMilliseconds);
}

export function expectedSeries(series: GeneratedSeries): ExpectedSeries {
  const { zone, dtstart, rule, end, length } = series;
  const toInstant = (local: number): number => instantIn(zone, local);
  const toLocal = (at: number): number => localIn(zone, at);
  const now = toInstant(dtstart) + series.ahead;
  const isRead = (at: number): boolean => at >= now - 7 * DAY && at < now + 8 * DAY;
  const from = now - 9 * DAY;
  const to = now + 10 * DAY;
  const tzid = zoneName(series);
  const param = tzid === undefined ? '' : `;TZID=${tzid}`;
  const written = (at: number, form: string): string => {
    const local = icalTime(toLocal(at));
    if (form === 'utc') return `:${icalTime(at)}Z`;
    if (form === 'date') return `;VALUE=DATE:${local.slice(0, 8)}`;
    if (form === 'floating' && tzid !== undefined) return `:${local}`;
    return `${param}:${local}${tzid === undefined ? 'Z' : ''}`;
  };

  const endOf = (at: number): number => {
    const { days, minutes } = length;
    if (length.kind === 'exact') return at + days * DAY + minutes * 60_000;
    const start = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
    return start.add({ days }).add({ minutes }).epochMilliseconds;
  };

  // RRULE, with DTSTART as the first occurrence.
  const isOnRule = locals(rule, dtstart, dtstart, dtstart).length > 0;
  const count = end.kind === 'count' ? end.count - (isOnRule ? 0 : 1) : Infinity;
  const until = end.kind === 'until' ? dtstart + end.days * DAY : Infinity;
  const counted = count === Infinity ? rule : `${rule};COUNT=${count}`;
  const named = count === 0 ? [] : locals(counted, dtstart, Math.max(dtstart, from), to);
  const within = named.filter((local) => {
    if (end.kind !== 'until') return true;
    if (end.form === 'date') return Math.floor(local / DAY) <= Math.floor(until / DAY);
    return end.form === 'local' ? local <= until : toInstant(local) <= toInstant(until);
  });
  const found = new Map<number, number>();
  for (const local of [dtstart, ...within]) {
    const at = toInstant(local);
    if (isRead(at)) found.set(at, endOf(at));
  }

  // RDATE.
  const lines: string[] = [];
  for (const { offset, form } of series.added) {
    const near = now + offset;
    if (near < toInstant(dtstart)) continue;
    const day = Math.floor(toLocal(near) / DAY) * DAY;
    const at = form === 'date' ? toInstant(day + (dtstart % DAY)) : toInstant(toLocal(near));
    if (form === 'period') lines.push(`RDATE;VALUE=PERIOD:${icalTime(at)}Z/PT95M`);
    else lines.push(`RDATE${written(at, form)}`);
    if (isRead(at)) found.set(at, form === 'period' ? at + 95 * 60_000 : endOf(at));
  }
  const all = [...found.keys()].sort((a, b) => a - b);

  // EXRULE and EXDATE.
  if (series.exceptionRule !== undefined) {
    lines.push(`EXRULE:${series.exceptionRule}`);
    for (const local of locals(series.exceptionRule, dtstart, Math.max(dtstart, from), to)) {
      found.delete(toInstant(local));
    }
  }
  for (const { index, form } of series.excluded) {
    const at = all[index % Math.max(1, all.length)];
    if (at === undefined) continue;
    lines.push(`EXDATE${written(at, form)}`);
    const day = Math.floor(toLocal(at) / DAY);
    for (const other of all) {
      const isDay = form === 'date' && Math.floor(toLocal(other) / DAY) === day;
      if (isDay || other === at) found.delete(other);
    }
  }

  // Overrides.
  const rows: ExpectedRow[] = [];
  const events: string[] = [];
  const idOf = (at: number): string => `series_${icalTime(at)}Z`;
  const overridden = new Set<number>();
  for (const { index, form, kind, by } of series.overrides) {
    const at = all[index % Math.max(1, all.length)];
    if (at === undefined || overridden.has(at)) continue;
    overridden.add(at);
    const recurrenceId = `RECURRENCE-ID${written(at, form)}`;
    const moved = (sequence: number, start: number, more: readonly string[] = []): void => {
      const times = [`DTSTART:${icalTime(start)}Z`, 'DURATION:PT20M'];
      events.push(...event([`SEQUENCE:${sequence}`, recurrenceId, ...times, ...more]));
    };
    const isShown = kind === 'moved' || kind === 'outdated';
    if (kind === 'cancelled') moved(1, at, ['STATUS:CANCELLED']);
    if (kind === 'transparent') moved(1, at, ['TRANSP:TRANSPARENT']);
    if (kind === 'whole-day') {
      events.push(...event([recurrenceId, `DTSTART;VALUE=DATE:${icalTime(at).slice(0, 8)}`]));
    }
    if (isShown) moved(2, at + by);
    if (kind === 'outdated') moved(1, at + by + DAY);
    found.delete(at);
    if (isShown && at + by + 20 * 60_000 >= now - 7 * DAY) {
      rows.push({ id: idOf(at), startAt: at + by, endAt: at + by + 20 * 60_000 });
    }
  }
  for (const [at, endAt] of found) rows.push({ id: idOf(at), startAt: at, endAt });

  const ending =
    end.kind === 'count'
      ? `;COUNT=${end.count}`
      : end.kind === 'until'
        ? `;UNTIL=${writtenUntil(until, end.form, toInstant)}`
        : '';
  const first = toInstant(dtstart);
  const { days, minutes } = length;
  const lengthLine =
    length.kind === 'exact'
      ? `DTEND:${icalTime(first + days * DAY + minutes * 60_000)}Z`
      : `DURATION:P${days}DT${minutes}M`;
  const start = `DTSTART${param}:${icalTime(dtstart)}${tzid === undefined ? 'Z' : ''}`;
  const master = event([start, lengthLine, `RRULE:${rule}${ending}`, ...lines]);
  const text = ['BEGIN:VCALENDAR', ...zoneLines(series), ...master, ...events, 'END:VCALENDAR'];
  return { text: text.join('\r\n'), now, rows: rows.sort(byId) };
}

export function byId(a: ExpectedRow, b: ExpectedRow): number {
  return a.id < b.id ? -1 : 1;
}

function event(lines: readonly string[]): readonly string[] {
  return ['BEGIN:VEVENT', 'UID:series', ...lines, 'END:VEVENT'];
}

function writtenUntil(
  until: number,
  form: 'date' | 'utc' | 'local',
  toInstant: (local: number) => number,
): string {
  if (form === 'date') return icalTime(until).slice(0, 8);
  return form === 'local' ? icalTime(until) : `${icalTime(toInstant(until))}Z`;
}

/** Undefined for a series in UTC. */
function zoneName({ zone, zoneBy }: GeneratedSeries): string | undefined {
  if (zone === 'UTC') return undefined;
  return zoneBy === 'file' ? 'Zone of the file' : zone;
}

/** A VTIMEZONE with the clock changes that Temporal knows of the years that are generated, as RDATEs. */
function zoneLines({ zone, zoneBy }: GeneratedSeries): readonly string[] {
  if (zone === 'UTC' || zoneBy === 'name') return [];
  const offsetOf = (at: Temporal.ZonedDateTime): string => at.offset.replace(':', '');
  const lines = ['BEGIN:VTIMEZONE', 'TZID:Zone of the file'];
  let at = Temporal.Instant.from('2018-01-01T00:00Z').toZonedDateTimeISO(zone);
  for (;;) {
    const next = at.getTimeZoneTransition('next');
    if (next === null || next.year > 2031) break;
    const before = next.subtract({ nanoseconds: 1 });
    const local = next.epochMilliseconds + before.offsetNanoseconds / 1e6;
    lines.push('BEGIN:STANDARD', `DTSTART:${icalTime(local)}`);
    lines.push(`TZOFFSETFROM:${offsetOf(before)}`, `TZOFFSETTO:${offsetOf(next)}`, 'END:STANDARD');
    at = next;
  }
  return [...lines, 'END:VTIMEZONE'];
}
