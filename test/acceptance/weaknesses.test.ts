// The weaknesses of the system that this replaces (docs/weaknesses.md), about triggers, evaluation and
// previews. Each test states a rule and shows that it fails when the old rule is planted.
import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { eventId } from '../../src/domain/core/ids.ts';
import { formatInstantSeconds, parseInstant } from '../../src/domain/core/instants.ts';
import { ok } from '../../src/domain/core/result.ts';
import { actionOf, type IssueCode } from '../../src/schedule/evaluation/diagnose.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { decideConfirm, type ConfirmPreview } from '../../src/domain/preview/confirm.ts';
import { type RaiseInput, type RaiseRequest } from '../../src/domain/trigger/commands.ts';
import { defineTrigger } from '../../src/domain/trigger/definitions.ts';
import {
  decideEvaluated,
  decideEvaluationFailed,
} from '../../src/domain/trigger/decide-evaluation.ts';
import type { TriggerEvent } from '../../src/domain/trigger/events.ts';
import {
  evolveTrigger,
  initialTrigger,
  offeredOf,
  type TriggerState,
} from '../../src/domain/trigger/state.ts';
import { scopeOf } from '../../src/domain/trigger/dedupe-scope.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { aCandidate } from '../support/later.ts';
import { mended } from '../support/mended.ts';
import { anInput, eventsOf } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { scheduleTexts } from '../../src/schedule/texts.ts';
import { parseRaise } from '../../src/domain/trigger/parse-raise.ts';

const STREAM = 'tocsin.trigger-92-626ea8e6-43a5-5e3a-bc19-cb2c85142695';
const AT = Date.UTC(2026, 3, 30, 2);
const id = { triggerId: 'ast_1', occurrence: 1 };
const definition = defineTrigger({
  type: 'important_urgent_task',
  channel: 'feishu',
  link: ({ previewId }) => `/previews/${previewId}`,
});

function request(more: Partial<RaiseInput> = {}): RaiseRequest {
  const parsed = parseRaise(anInput(7, more), new Map([[definition.type, definition]]), {
    now: AT,
    traceId: 't',
  });
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value.request;
}

function stateOf(...events: readonly TriggerEvent[]): TriggerState {
  return events.reduce(evolveTrigger, initialTrigger);
}

const raised: TriggerEvent = {
  type: 'TriggerRaised',
  data: { ...id, ...request(), dedupeKey: 'k', personal: {} },
};

const offered: TriggerEvent = {
  type: 'PreviewOffered',
  data: {
    ...id,
    previewId: 'asp_1',
    userId: '1',
    kind: 'proposal',
    offeredAt: AT,
    expiresAt: AT + 3_600_000,
    personal: { summary: '', candidates: [aCandidate()] },
  },
};

test('W2: a crash leaves all events of a raise or none', async () => {
  await mended<(store: EventStore) => EventStore>(
    async (written) => {
      const store = memoryStore();
      await openKernel({ ...scheduleProduct, store });
      const kernel = await openKernel({ ...scheduleProduct, store: written(store) });
      await kernel.raise(anInput(1)).catch(() => undefined);
      const types = (await eventsOf(store)).map(({ type }) => type).slice(2);
      expect([0, 3]).toContain(types.length);
    },
    {
      ours: (store) => store,
      // The old rule wrote a row and its message in two writes; the process dies between them.
      planted: (store) => ({
        ...store,
        async append(stream, expected, events) {
          await store.append(stream, expected, events.slice(0, 1));
          throw new Error('killed');
        },
      }),
    },
  );
});

test('W6: an instant has one dedupe key in every time zone', async () => {
  const texts = ['2026-04-30T10:00:00+08:00', '2026-04-30T02:00:00Z', '2026-04-30T07:45:00+05:45'];
  await mended<(text: string) => string>(
    (keyOf) => {
      expect(new Set(texts.map(keyOf)).size).toBe(1);
    },
    {
      ours: (requestedAt) => scopeOf(definition, request({ requestedAt })).dedupeKey,
      // The window's start, formatted in the zone of the input.
      planted: (text) => {
        const instant = parseInstant(text);
        return `${formatInstantSeconds(instant.ok ? instant.value : 0)}${text.slice(19)}`;
      },
    },
  );
});

const confirmation: ConfirmPreview = {
  userId: '1',
  previewId: 'asp_1',
  key: 'k',
  request: ok({ candidateId: 'add:1', editedChanges: [], idempotencyKey: 'k' }),
  salt: 'c2FsdC1vZi0xNi1ieXRlcw',
  hashUnder: () => 'a'.repeat(64),
  applyId: 'asap_1',
  hasPort: true,
};

function afterConfirm(command: ConfirmPreview): TriggerState {
  const first = decideConfirm(offeredOf(stateOf(raised, offered), 1), command, { recordedAt: AT });
  if (!first.ok) throw new Error(first.error.message);
  return stateOf(raised, offered, ...first.value.events);
}

test('W16: another request under a used idempotency key is refused', async () => {
  await mended<(body: string) => string>(
    (hashOf) => {
      const command = { ...confirmation, hashUnder: () => hashOf('first') };
      const other = { ...command, hashUnder: () => hashOf('other') };
      expect(
        decideConfirm(offeredOf(afterConfirm(command), 1), other, { recordedAt: AT }),
      ).toMatchObject({
        ok: false,
        error: { code: 'idempotency_conflict' },
      });
    },
    // The old rule ignored the content of the request.
    { ours: (body) => body.padEnd(64, '0'), planted: () => 'same'.padEnd(64, '0') },
  );
});

test('W17: a late failure never undoes the decision of another worker', async () => {
  const failed = { occurrence: 1, attempt: 1, code: 'worker_failed' };
  await mended<(state: TriggerState) => readonly TriggerEvent[]>(
    (late) => {
      expect(late(stateOf(raised, offered))).toEqual([]);
    },
    {
      ours: (state) => decideEvaluationFailed(state, failed, { recordedAt: AT }),
      // The old rule wrote without reading the state.
      planted: () => decideEvaluationFailed(stateOf(raised), failed, { recordedAt: AT }),
    },
  );
});

test('W18: an issue without a candidate is offered as a question or a reminder', async () => {
  const open: readonly IssueCode[] = [
    'no_valid_time_window',
    'feedback_target_unknown',
    'no_free_slot',
    'capacity_insufficient',
    'no_contiguous_slots',
    'nothing_to_make_up',
  ];
  await mended<(issue: IssueCode) => string>(
    (rule) => {
      for (const issue of open) expect(['question', 'reminder']).toContain(rule(issue));
    },
    {
      ours: actionOf,
      // The old rule closed a trigger without a candidate although the decision was to notify.
      planted: (issue) => (issue === 'no_contiguous_slots' ? 'close' : actionOf(issue)),
    },
  );
});

test('W23: a mock trigger never has the dedupe scope of a real trigger', async () => {
  await mended<(request: RaiseRequest) => string>(
    (keyOf) => {
      const mock = request({ mockNow: '2026-04-30T02:00:00Z' });
      expect(keyOf(mock)).not.toBe(keyOf(request({ requestedAt: '2026-04-30T02:00:00Z' })));
    },
    {
      ours: (one) => scopeOf(definition, one).key,
      planted: ({ mockNow, ...one }) =>
        scopeOf(definition, { ...one, requestedAt: mockNow ?? one.requestedAt }).key,
    },
  );
});

test('W25: a second confirmation during an apply starts nothing', async () => {
  const second = { ...confirmation, key: 'k2', applyId: 'asap_2', hashUnder: () => 'b'.repeat(64) };
  await mended<(state: TriggerState) => TriggerState>(
    (seen) => {
      const decision = decideConfirm(offeredOf(seen(afterConfirm(confirmation)), 1), second, {
        recordedAt: AT + 1,
      });
      expect(decision).toMatchObject({ ok: false, error: { code: 'apply_in_progress' } });
    },
    {
      ours: (state) => state,
      // The state of an apply was one field, and the next confirmation overwrote it.
      planted: () => stateOf(raised, offered),
    },
  );
});

test('W26: the events of a decision have different ids', async () => {
  await mended<(command: string, index: number) => string>(
    (idOf) => {
      const evaluation = { outcome: 'offer', kind: 'reminder' } as const;
      const command = {
        occurrence: 1,
        evaluation,
        link: undefined,
        channel: 'feishu',
        expiresInMs: 1,
        stream: STREAM,
        texts: scheduleTexts.en,
        summary: { text: '', linksRemoved: 0 },
      };
      const decided = decideEvaluated(stateOf(raised), command, { recordedAt: AT });
      const events = decided.ok ? decided.value : [];
      expect(new Set(events.map((_event, index) => idOf('c', index))).size).toBe(2);
    },
    {
      ours: (command, index) => eventId(command, STREAM, index),
      // The old rule used the aggregate's id.
      planted: () => 'asp_1',
    },
  );
});
