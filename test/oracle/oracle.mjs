// What a file of raise lines has to lead to, worked out without a line of the product's code: the
// rules are read from the description of the domain, and nothing is imported but hashes and files.
// Assumes lines that are well-formed, and every trigger worth a notification.
//
//   node test/oracle/oracle.mjs FILE.ndjson      prints the answer as JSON
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HALF_HOUR = 1800;

/**
 * Milliseconds since 1970 of an RFC 3339 text, counted by hand: days, then seconds, then the offset.
 *
 * @param {string} text
 */
function milliseconds(text) {
  const date = text.slice(0, 10).split('-').map(Number);
  const time = text.slice(11, 19).split(':').map(Number);
  const rest = text.slice(19).toUpperCase();
  const fraction = rest.startsWith('.') ? (/^\.\d+/.exec(rest)?.[0] ?? '') : '';
  const zone = rest.slice(fraction.length);
  const [year = 0, month = 0, day = 0] = date;
  // Days from the civil calendar, with years that begin in March.
  const shifted = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  const days = shifted * 365 + leapDays + dayOfYear - 719_468;
  const [hour = 0, minute = 0, second = 0] = time;
  const [zoneHours = 0, zoneMinutes = 0] = zone === 'Z' ? [] : zone.slice(1).split(':').map(Number);
  const east = (zone.startsWith('-') ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  const seconds = days * 86_400 + hour * 3600 + (minute - east) * 60 + second;
  return seconds * 1000 + Number((fraction.slice(1) + '000').slice(0, 3));
}

/** Number of the half hour since 1970 that holds an instant. @param {string} text */
export const halfHour = (text) => Math.floor(milliseconds(text) / 1000 / HALF_HOUR);

/** @param {number} bucket */
export const startOf = (bucket) =>
  new Date(bucket * HALF_HOUR * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

/** The same request, whatever the order of its fields. @param {unknown} value @returns {string} */
function canonical(value) {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join()}}`;
}

/**
 * What one raise is about: two lines with the same text here are the same trigger.
 *
 * @param {Record<string, unknown>} line
 */
export function scopeOf(line) {
  const user = String(line['user_id']);
  const real = line['mock_now'] === undefined;
  const whose = [real ? 'real' : 'mock', user, line['trigger_type']];
  const feedback = String(line['feedback_id'] ?? '').trim();
  const key = String(line['idempotency_key'] ?? '').trim();
  if (line['trigger_type'] === 'unfinished_feedback') {
    if (feedback !== '') return JSON.stringify([...whose, 'feedback', feedback]);
    if (key !== '') return JSON.stringify([...whose, 'key', key]);
  }
  const effective = String(line['mock_now'] ?? line['requested_at']);
  const target = [line['target_type'], String(line['target_id'])];
  return JSON.stringify([...whose, 'target', ...target, halfHour(effective)]);
}

/**
 * @param {string} text NDJSON
 */
export function oracle(text) {
  const lines = text.split('\n').filter((line) => line !== '');
  const claims = new Map();
  const scopes = new Set();
  const windows = new Set();
  /** @type {string[]} */
  const keys = [];
  const counts = { read: lines.length, raised: 0, duplicates: 0, conflicts: 0 };
  const sent = { published: 0, suppressed: 0, mockTriggers: 0, mockNotifications: 0 };
  for (const one of lines) {
    /** @type {Record<string, unknown>} */
    const line = JSON.parse(one);
    const user = String(line['user_id']);
    const type = String(line['trigger_type']);
    const key = String(line['idempotency_key'] ?? '').trim();
    if (key !== '') {
      const claim = JSON.stringify([user, type, key]);
      const request = canonical(line);
      const first = claims.get(claim);
      if (first !== undefined) {
        if (first === request) counts.duplicates += 1;
        else counts.conflicts += 1;
        continue;
      }
      claims.set(claim, request);
    }
    const scope = scopeOf(line);
    if (scopes.has(scope)) {
      counts.duplicates += 1;
      continue;
    }
    scopes.add(scope);
    counts.raised += 1;
    const mock = line['mock_now'] !== undefined;
    if (mock) sent.mockTriggers += 1;
    // Notifications never look at mock time, but those of mock triggers are among themselves.
    const bucket = halfHour(String(line['requested_at']));
    const window = JSON.stringify([mock, user, type, bucket]);
    if (windows.has(window)) {
      sent.suppressed += 1;
      continue;
    }
    windows.add(window);
    sent.published += 1;
    if (mock) sent.mockNotifications += 1;
    keys.push(`${user}:${type}:${startOf(bucket)}`);
  }
  const sorted = keys.map((key) => Buffer.from(`${key}\n`)).sort(Buffer.compare);
  const digest = createHash('sha256').update(Buffer.concat(sorted)).digest('hex');
  return { ...counts, ...sent, dedupe_keys_sha256: digest };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const answer = oracle(readFileSync(process.argv[2] ?? '/dev/stdin', 'utf8'));
  process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
}
