// Random raise lines, as far apart from each other as dedupe rules can tell.
import fc from 'fast-check';

const ZONES = [0, 480, 345, -210, 840, -720];

/** An instant as a clock in some zone shows it. */
export function inZone(instant: number, offsetMinutes: number): string {
  const local = new Date(instant + offsetMinutes * 60_000).toISOString().slice(0, -1);
  if (offsetMinutes === 0) return `${local}Z`;
  const size = Math.abs(offsetMinutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.trunc(size / 60))}:${two(size % 60)}`;
}

const FIRST = Date.UTC(2025, 11, 31, 22);
const HALF_HOUR = 1_800_000;

/** Milliseconds within three hours, often on a window's edge. */
export const instants = fc.oneof(
  fc.integer({ min: FIRST, max: FIRST + 6 * HALF_HOUR - 1 }),
  fc
    .tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom(0, 1, HALF_HOUR - 1))
    .map(([window, within]) => FIRST + window * HALF_HOUR + within),
);

export const zones = fc.constantFrom(...ZONES);

/** An instant's text, in any zone. */
export const instantTexts = fc.tuple(instants, zones).map(([at, zone]) => inZone(at, zone));

/** Few users, types, targets and keys, so that they meet all the time. */
export const raiseLines = fc
  .record(
    {
      user_id: fc.constantFrom<(number | string)[]>(1, '1', 2, 'ada.l'),
      trigger_type: fc.constantFrom('important_urgent_task', 'unfinished_feedback'),
      source: fc.constant('api_trigger'),
      target_type: fc.constantFrom('task_pool', 'schedule_event'),
      target_id: fc.constantFrom<(number | string)[]>(1, 2, 'x'),
      requested_at: instantTexts,
      feedback_id: fc.constantFrom('f1', 'f2', ' f1 '),
      idempotency_key: fc.constantFrom('k1', 'k2', 'k3'),
      mock_now: instantTexts,
      payload: fc.constantFrom({}, { n: 1 }),
    },
    {
      requiredKeys: [
        'user_id',
        'trigger_type',
        'source',
        'target_type',
        'target_id',
        'requested_at',
      ],
    },
  )
  // Mock time and keys are the exception: most requests are plain.
  .chain((line) =>
    fc.nat({ max: 9 }).map((n) => {
      const { mock_now, idempotency_key, ...plain } = line;
      if (n === 0) return { ...plain, ...(mock_now === undefined ? {} : { mock_now }) };
      if (n < 3) return { ...plain, ...(idempotency_key === undefined ? {} : { idempotency_key }) };
      return plain;
    }),
  );

/** Lines as a file has them. */
export const ndjson = (lines: readonly unknown[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');
