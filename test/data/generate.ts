// Makes test/data/small.ndjson: a few hundred raise lines with everything that a dedupe rule can get
// wrong. Seeded, so that the file is always the same: `node test/data/generate.ts` writes it again.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LINES = 480;
const SEED = 20_260_430;
const WINDOW_MS = 30 * 60 * 1000;
const FIRST = Date.UTC(2024, 1, 28, 22, 0);
const SPAN_MS = 26 * 60 * 60 * 1000;

type Line = { [field: string]: unknown };

const users = [1, 2, 7, 42, '42', '042', Number.MAX_SAFE_INTEGER, 'ada.l@example.org', 'zoe_9'];
const targets = [1, 2, 3, '3', 'note-7'];
const zones = [0, 8 * 60, 5 * 60 + 45, -(3 * 60 + 30), 14 * 60, -12 * 60];
const feedbacks = ['fb-1', 'fb-2', ' fb-2 ', 'fb:%3A 3', '反馈', 'fb-1:extra'];
const payloads = [
  undefined,
  {},
  { commit: '1b4764b' },
  ['早', null, 1.5],
  'text',
  { a: { b: [] } },
];

/** The lines of the file, in its order. */
export function smallDataSet(): readonly Line[] {
  const random = mulberry32(SEED);
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const chance = (probability: number): boolean => random() < probability;
  const lines: Line[] = [];

  const instant = (): number => {
    const at = FIRST + Math.floor(random() * SPAN_MS);
    const boundary = at - (at % WINDOW_MS);
    if (chance(0.1)) return boundary;
    if (chance(0.1)) return boundary + WINDOW_MS - 1;
    return at;
  };

  const common = (type: string, source: string): Line => {
    const payload = pick(payloads);
    return {
      user_id: pick(users),
      trigger_type: type,
      source,
      target_type: pick(['task_pool', 'task_pool', 'schedule_event', 'task_item']),
      target_id: pick(targets),
      requested_at: rfc3339(instant(), pick(zones) ?? 0, random),
      ...(chance(0.2) ? { trace_id: `trace_${lines.length}` } : {}),
      ...(payload === undefined ? {} : { payload }),
    };
  };

  const fresh = (): Line => {
    const kind = random();
    if (kind < 0.5) {
      const line = common('important_urgent_task', chance(0.5) ? 'worker_due_job' : 'api_trigger');
      const mock = line['source'] === 'api_trigger' && chance(0.3);
      return { ...line, ...(mock ? { mock_now: rfc3339(instant(), 0, random) } : {}) };
    }
    if (kind < 0.6) {
      const key = `key-${Math.floor(random() * 12)}`;
      return { ...common('important_urgent_task', 'api_trigger'), idempotency_key: key };
    }
    const line = common('unfinished_feedback', 'user_feedback');
    if (kind < 0.8) return { ...line, feedback_id: pick(feedbacks) };
    if (kind < 0.9) return { ...line, idempotency_key: `key-${Math.floor(random() * 12)}` };
    return line;
  };

  while (lines.length < LINES) {
    const earlier = pick(lines);
    const repeats = earlier !== undefined && chance(0.12);
    lines.push(repeats ? { ...earlier } : fresh());
  }
  return lines;
}

/** The file's text. */
export function smallDataText(): string {
  return smallDataSet()
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

/** The instant as a clock in that zone shows it, with more digits than count now and then. */
function rfc3339(instant: number, offsetMinutes: number, random: () => number): string {
  const local = new Date(instant + offsetMinutes * 60_000).toISOString().slice(0, -1);
  const digits = random() < 0.1 ? '9996' : '';
  if (offsetMinutes === 0) return `${local}${digits}${random() < 0.2 ? 'z' : 'Z'}`;
  const size = Math.abs(offsetMinutes);
  const hours = String(Math.trunc(size / 60)).padStart(2, '0');
  const minutes = String(size % 60).padStart(2, '0');
  return `${local}${digits}${offsetMinutes < 0 ? '-' : '+'}${hours}:${minutes}`;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('small.ndjson', import.meta.url), smallDataText());
}
