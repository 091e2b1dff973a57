// Random series for the comparison with an independent implementation: all parts of RRULE that RFC 5545
// allows with each FREQ (3.3.10), zones with clock changes, dates of every kind, and overrides.
import fc from 'fast-check';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const FREQUENCIES = [
  'SECONDLY',
  'MINUTELY',
  'HOURLY',
  'DAILY',
  'WEEKLY',
  'MONTHLY',
  'YEARLY',
] as const;

/** How a property writes a date or time. */
export type DateForm = 'series' | 'utc' | 'date' | 'floating';

export type GeneratedSeries = {
  /** Without COUNT and UNTIL. */
  readonly rule: string;
  readonly end:
    | { readonly kind: 'never' }
    | { readonly kind: 'count'; readonly count: number }
    | { readonly kind: 'until'; readonly days: number; readonly form: 'date' | 'utc' | 'local' };
  readonly exceptionRule: string | undefined;
  /** The local time of DTSTART, as if it were UTC. */
  readonly dtstart: number;
  /** From DTSTART to the time at which the calendar is read. */
  readonly ahead: number;
  readonly zone: string;
  /** `file`: the zone is defined by a VTIMEZONE under another name. */
  readonly zoneBy: 'name' | 'file';
  readonly length: {
    readonly kind: 'exact' | 'nominal';
    readonly days: number;
    readonly minutes: number;
  };
  /** Which occurrences are excluded or overridden, as indexes into those that there are. */
  readonly excluded: readonly { readonly index: number; readonly form: DateForm }[];
  readonly added: readonly {
    readonly offset: number;
    readonly form: 'series' | 'utc' | 'date' | 'period';
  }[];
  readonly overrides: readonly {
    readonly index: number;
    readonly form: 'series' | 'utc';
    readonly kind: 'moved' | 'cancelled' | 'transparent' | 'whole-day' | 'outdated';
    readonly by: number;
  }[];
};

const list = (min: number, max: number, size = 3) =>
  fc
    .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: size })
    .map((values) => values.sort((a, b) => a - b));
const signed = (max: number) =>
  fc.uniqueArray(
    fc.integer({ min: -max, max }).filter((n) => n !== 0),
    { minLength: 1, maxLength: 3 },
  );
const weekday = fc.constantFrom('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU');
const weekdays = fc.uniqueArray(weekday, { minLength: 1, maxLength: 3 });
const nth = (max: number) =>
  fc.uniqueArray(
    fc
      .tuple(
        fc.integer({ min: -max, max }).filter((n) => n !== 0),
        weekday,
      )
      .map(([n, day]) => `${n}${day}`),
    { minLength: 1, maxLength: 2 },
  );

const part = (key: string, values: fc.Arbitrary<readonly unknown[]>) =>
  values.map((all) => `${key}=${all.join(',')}`);
const maybe = (arbitrary: fc.Arbitrary<string>, weight = 3) =>
  fc.oneof({ arbitrary, weight: 1 }, { arbitrary: fc.constant(undefined), weight });

/** One of the sets of parts about days, which the table of RFC 5545, 3.3.10 allows. */
function dayParts(freq: string): fc.Arbitrary<readonly (string | undefined)[]> {
  const byDay = part('BYDAY', weekdays);
  const byMonthDay = part('BYMONTHDAY', signed(31));
  const byYearDay = part('BYYEARDAY', signed(366));
  const byMonth = part('BYMONTH', list(1, 12));
  const none = fc.constant([]);
  if (freq === 'WEEKLY') return fc.tuple(maybe(byMonth, 5), maybe(byDay));
  if (freq === 'DAILY') return fc.tuple(maybe(byMonth, 6), maybe(byDay), maybe(byMonthDay, 6));
  if (freq === 'MONTHLY') {
    const some = fc.oneof(byDay, part('BYDAY', nth(4)), byMonthDay);
    const both = fc.tuple(byDay, byMonthDay);
    return fc.oneof(none, fc.tuple(maybe(byMonth, 5), maybe(some)), both);
  }
  if (freq === 'YEARLY') {
    const inMonth = fc.oneof(byDay, part('BYDAY', nth(4)), byMonthDay);
    return fc.oneof(
      none,
      fc.tuple(byMonth, maybe(inMonth)),
      fc.tuple(part('BYWEEKNO', signed(53)), maybe(byDay, 1)),
      fc.tuple(byYearDay),
      fc.tuple(part('BYDAY', nth(52))),
      fc.tuple(byMonthDay, maybe(byDay)),
    );
  }
  return fc.oneof(
    none,
    fc.tuple(byMonth),
    fc.tuple(byDay),
    fc.tuple(byMonthDay),
    fc.tuple(byYearDay),
  );
}

/** Rules within the day recur at most some hundred times in the fifteen days that are read. */
function timeParts(freq: string): fc.Arbitrary<readonly (string | undefined)[]> {
  const byHour = part('BYHOUR', list(0, 23, 5));
  const byMinute = part('BYMINUTE', list(0, 59));
  const bySecond = part('BYSECOND', list(0, 59, 2));
  const interval = (min: number, max: number) =>
    fc.integer({ min, max }).map((n) => `INTERVAL=${n}`);
  if (freq === 'SECONDLY') return fc.tuple(interval(3_000, 200_000), maybe(byHour));
  if (freq === 'MINUTELY') {
    return fc.tuple(interval(45, 4_000), maybe(byHour), maybe(bySecond, 5));
  }
  if (freq === 'HOURLY') {
    return fc.tuple(interval(1, 100), maybe(byHour), maybe(byMinute), maybe(bySecond, 5));
  }
  return fc.tuple(interval(1, 4), maybe(byHour), maybe(byMinute), maybe(bySecond, 5));
}

const aRule = fc.constantFrom(...FREQUENCIES).chain((freq) =>
  fc
    .tuple(
      dayParts(freq),
      timeParts(freq),
      fc.option(part('BYSETPOS', signed(5)), { nil: undefined, freq: 4 }),
      fc.constantFrom('WKST=MO', 'WKST=SU', 'WKST=WE', undefined),
    )
    .map(([days, times, positions, weekStart]) => {
      const by = [...days, ...times].filter((text) => text !== undefined);
      const hasBy = by.some((text) => text.startsWith('BY'));
      const rest = [hasBy ? positions : undefined, weekStart].filter((text) => text !== undefined);
      return [`FREQ=${freq}`, ...by, ...rest].join(';');
    }),
);

const anIndex = fc.nat(40);

export const aSeries: fc.Arbitrary<GeneratedSeries> = fc.record({
  rule: aRule,
  end: fc.oneof(
    { arbitrary: fc.constant({ kind: 'never' } as const), weight: 3 },
    {
      arbitrary: fc.record({
        kind: fc.constant('count' as const),
        count: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 900 })),
      }),
      weight: 2,
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('until' as const),
        days: fc.nat(700),
        form: fc.constantFrom('date' as const, 'utc' as const, 'local' as const),
      }),
    },
  ),
  exceptionRule: fc.option(
    fc
      .tuple(
        fc.constantFrom('DAILY', 'WEEKLY'),
        fc.integer({ min: 1, max: 3 }),
        maybe(part('BYDAY', weekdays)),
      )
      .map(([freq, interval, byDay]) =>
        [`FREQ=${freq}`, `INTERVAL=${interval}`, byDay]
          .filter((text) => text !== undefined)
          .join(';'),
      ),
    { nil: undefined, freq: 8 },
  ),
  dtstart: fc
    .integer({ min: Date.UTC(2021, 0, 1) / MINUTE / 15, max: Date.UTC(2027, 0, 1) / MINUTE / 15 })
    .map((quarters) => quarters * 15 * MINUTE),
  ahead: fc.oneof(fc.nat(8), fc.nat(60), fc.nat(700)).map((days) => days * DAY + 7 * 60 * MINUTE),
  zone: fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
  ),
  zoneBy: fc.constantFrom('name' as const, 'file' as const),
  length: fc.record({
    kind: fc.constantFrom('exact' as const, 'nominal' as const),
    days: fc.nat(2),
    minutes: fc.nat(300),
  }),
  excluded: fc.array(
    fc.record({
      index: anIndex,
      form: fc.constantFrom(
        'series' as const,
        'utc' as const,
        'date' as const,
        'floating' as const,
      ),
    }),
    { maxLength: 3 },
  ),
  added: fc.array(
    fc.record({
      offset: fc
        .integer({ min: -6 * 24 * 4, max: 7 * 24 * 4 })
        .map((quarters) => quarters * 15 * MINUTE),
      form: fc.constantFrom('series' as const, 'utc' as const, 'date' as const, 'period' as const),
    }),
    { maxLength: 2 },
  ),
  overrides: fc.uniqueArray(
    fc.record({
      index: anIndex,
      form: fc.constantFrom('series' as const, 'utc' as const),
      kind: fc.constantFrom(
        'moved' as const,
        'cancelled' as const,
        'transparent' as const,
        'whole-day' as const,
        'outdated' as const,
      ),
      by: fc.integer({ min: -600, max: 600 }).map((minutes) => minutes * MINUTE),
    }),
    { maxLength: 2, selector: ({ index }) => index },
  ),
});
