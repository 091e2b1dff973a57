// Random bytes, and the bytes of the corpus, at each input boundary. The seed is fixed, so that a failure repeats; `FUZZ_SEED`
// sets another one. Add bytes that fail to the corpus.
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { readCalendar } from '../../src/schedule/tasks/ical/calendar.ts';
import { readLines } from '../../src/adapters/ndjson/lines.ts';
import { loadConfig } from '../../src/cli/config/config.ts';
import { fromRaiseLine } from '../../src/domain/contracts/mapping.ts';
import { parseMessage } from '../../src/domain/contracts/parse-message.ts';
import { controlCodec } from '../../src/domain/control/events.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { isJson, type Json } from '../../src/domain/core/json.ts';
import { triggerCodec } from '../../src/domain/trigger/events.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { classify } from '../../src/projections/dedupe/classify.ts';
import { identityOf, isSameMessage } from '../../src/projections/publisher/sequence-map.ts';
import { memoryStore } from '../../src/testing.ts';
import { apiWorld } from '../api/api.support.ts';
import { raiseLines } from '../support/arbitraries.ts';
import { corpusOf } from './corpus.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_124);
const settings = { seed, numRuns: 400 };
const corpus = corpusOf('lines');
const folder = mkdtempSync(join(tmpdir(), 'tocsin-fuzz-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A good text with bytes changed, cut out, or put in; or anything at all. */
const bytes = fc.oneof(
  fc.constantFrom(...corpus),
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .tuple(raiseLines, fc.nat({ max: 250 }), fc.nat({ max: 20 }), fc.uint8Array({ maxLength: 8 }))
    .map(([line, at, cut, put]) => {
      const good = Buffer.from(`${JSON.stringify(line)}\n`);
      return Buffer.concat([good.subarray(0, at), put, good.subarray(at + cut)]);
    }),
);

const json: fc.Arbitrary<Json> = fc.json().map((text): Json => {
  const value: unknown = JSON.parse(text);
  return isJson(value) ? value : null;
});

/** Something like a raise line, with any value in any of its fields. */
const spoilt = fc
  .tuple(raiseLines, fc.constantFrom('user_id', 'requested_at', 'payload', 'target_id'), json)
  .map(([line, field, value]) => ({ ...line, [field]: value }));

describe('lines of NDJSON', () => {
  it('each become a value or a fault with line and reason', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 4 }), async (chunks) => {
        for await (const page of readLines(Readable.from(chunks))) {
          for (const item of page) {
            expect(item.line).toBeGreaterThan(0);
            if (item.kind === 'fault') expect(item.message).not.toBe('');
            else fromRaiseLine(item.value);
          }
        }
      }),
      { ...settings, examples: corpus.map((found): [Buffer[]] => [[found]]) },
    );
  });

  it('never crash a kernel, whatever their fields hold', async () => {
    const kernel = await openKernel({ ...scheduleProduct, store: memoryStore() });
    await fc.assert(
      fc.asyncProperty(fc.oneof(spoilt, json), async (line) => {
        const input = isJson(line) ? fromRaiseLine(line) : undefined;
        if (input?.ok !== true) return;
        for await (const { outcome } of kernel.raiseAll([input.value])) {
          expect(['raised', 'duplicate', 'rejected', 'idempotency_conflict']).toContain(outcome);
        }
      }),
      settings,
    );
  });
});

describe('a settings file', () => {
  it('is accepted or refused as wrong usage', () => {
    const config = join(folder, 'tocsin.config.json');
    const names = fc.constantFrom('store', 'nats', 'http', 'logLevel', 'state', 'nonsense');
    const files = fc.oneof(
      bytes,
      fc.dictionary(names, json).map((v) => JSON.stringify(v)),
    );
    fc.assert(
      fc.property(files, (content) => {
        writeFileSync(config, content);
        try {
          loadConfig({ config }, {}, { useRunFile: false });
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
          expect(error).toMatchObject({ kind: 'usage' });
        }
      }),
      settings,
    );
  });
});

describe('stored events of any content', () => {
  const types = ['TriggerRaised', 'NotificationRequested', 'OutputOpened', 'ParkResolved', 'Other'];
  const stored = fc.oneof(
    json,
    bytes.map((unreadable) => ({ unreadable: new Uint8Array(unreadable) })),
  );
  const events = fc.record({
    type: fc.oneof(fc.constantFrom(...types), fc.string()),
    stream: fc.constantFrom('tocsin.control', 'tocsin.trigger-00-x', 'another'),
    data: stored,
    metadata: fc.oneof(stored, fc.record({ schemaVersion: json, recordedAt: json })),
  });

  it('never crash a codec or the projection: each is classified, poison or unknown', () => {
    fc.assert(
      fc.property(events, (event) => {
        const position = { commit: 1n, prepare: 1n };
        const id = '00000000-0000-4000-8000-000000000000';
        const recorded: RecordedEvent = { id, revision: 0n, position, ...event };
        for (const codec of [triggerCodec, controlCodec]) codec.decode(recorded);
        try {
          expect(classify('tocsin', recorded).kind).not.toBe('');
        } catch (error) {
          // What the lane cannot go on without stops it by name.
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
      settings,
    );
  });
});

describe('messages of NATS', () => {
  const names = fc.constantFrom('ce-id', 'ce-type', 'Tocsin-Ordinal', 'Tocsin-Digest', 'x');
  const headers = fc.dictionary(names, fc.string()).map((found) => new Map(Object.entries(found)));

  it('never crash a reader of the contracts or the resume', () => {
    fc.assert(
      fc.property(headers, fc.string(), bytes, (found, subject, body) => {
        const data = new Uint8Array(body);
        for (const of of [subject, 'active_schedule.triggered', 'notification.feishu.requested']) {
          parseMessage(of, data);
        }
        const stamp = identityOf({ sequence: 1n, subject: 'a', headers: found, data });
        if (stamp !== undefined) isSameMessage(stamp, stamp);
      }),
      settings,
    );
  });
});

describe('bodies of HTTP requests', () => {
  const paths = ['dry-run', 'trigger', 'preview', 'preview/x/confirm', 'preview/x/dismiss'];

  it('never crash the API: each answer is documented and no server error', async () => {
    using world = await apiWorld();
    const lines = fc.oneof(
      bytes,
      fc.oneof(spoilt, json).map((v) => Buffer.from(JSON.stringify(v))),
    );
    const kept = corpusOf('http').flatMap((raw) =>
      paths.map((path): [string, Buffer] => [path, raw]),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), lines, async (path, raw) => {
        const sent = { token: world.one, raw: new Uint8Array(raw) };
        const { status } = await world.ask('POST', `/api/v1/active-schedule/${path}`, sent);
        expect(status).toBeLessThan(500);
      }),
      { ...settings, numRuns: 150, examples: kept },
    );
  });
});

describe('calendars', () => {
  const names = [
    'DUE',
    'DTSTART',
    'DURATION',
    'RRULE',
    'EXDATE',
    'RECURRENCE-ID',
    'PRIORITY',
    'UID',
  ];
  const values = fc.oneof(
    fc.constantFrom(
      '20260401T100000Z',
      '20260401',
      'TZID=Europe/Nowhere:20260401T100000',
      '99999999T999999Z',
      'FREQ=SECONDLY;COUNT=999999999',
      'FREQ=DAILY;BYDAY=-53MO;BYSETPOS=-366;INTERVAL=0',
      'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30',
      '-P99999999W',
    ),
    fc.string({ maxLength: 60 }),
  );
  const kinds = fc.constantFrom('VTODO', 'VEVENT', 'VTIMEZONE', 'VALARM', 'VFREEBUSY');
  const property = fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(':', ';', ';VALUE=DATE:'), values)
    .map((parts) => parts.join(''));
  const components = fc
    .tuple(kinds, fc.array(property, { maxLength: 6 }), fc.boolean())
    .map(([kind, inside, ends]) => [`BEGIN:${kind}`, ...inside, ...(ends ? [`END:${kind}`] : [])]);
  const calendars = fc.oneof(
    bytes.map((found) => found.toString('utf8')),
    fc
      .array(components, { maxLength: 4 })
      .map((inside) => ['BEGIN:VCALENDAR', ...inside.flat(), 'END:VCALENDAR', ''].join('\r\n')),
  );

  it('each become tasks and blocks with problems, within the time limit', () => {
    const rules = { user: '1', timeZone: 'UTC', urgencyLeadMs: 0 };
    const kept = corpusOf('calendars').map((found): [string] => [found.toString('utf8')]);
    fc.assert(
      fc.property(calendars, (text) => {
        const { problems } = readCalendar('a.ics', text, Date.UTC(2026, 0, 1), rules);
        for (const problem of problems) expect(JSON.stringify(problem)).not.toBe('{}');
      }),
      { ...settings, examples: kept },
    );
  });
});
