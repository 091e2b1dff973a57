// Functions of the embedder that a raise calls and that throw, hang or answer nonsense: schemas, links and evaluators.
// Nothing is written, and the error says whose function it was.
import { describe, expect, it } from 'vitest';
import type { LaterEvaluator } from '../../src/domain/ports/evaluator.ts';
import type { PayloadSchema } from '../../src/domain/trigger/payload.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { defineTrigger, notify, openKernel, type TriggerDefinition } from '../../src/index.ts';
import { given, raise } from '../../src/testing.ts';
import { laterWorld } from '../support/later.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

const hangs = (): Promise<never> => new Promise(() => undefined);

/** A type whose schema answers this; it is called as a schema of any library. */
function withSchema(validate: (value: unknown) => unknown): TriggerDefinition {
  const schema = { '~standard': { version: 1, vendor: 'test', validate } };
  return defineTrigger({
    type: 'invoice_overdue',
    targets: ['invoice'],
    channel: 'email',
    payload: schema as PayloadSchema<unknown, unknown>,
    evaluate: ({ payload }) => notify({ summary: `It says ${JSON.stringify(payload)}.` }),
  });
}

const billing = (definition: TriggerDefinition): Promise<World> =>
  makeWorld({ kernel: { triggers: [definition], channels: ['email'], texts: {} } });

const input = { userId: 'ada', targetId: 'INV-1', payload: { amount: 12 } };

describe('a payload schema', () => {
  const broken: readonly (readonly [string, () => unknown, string])[] = [
    [
      'throws',
      () => {
        throw new RangeError('no such table');
      },
      'threw an error',
    ],
    ['rejects', () => Promise.reject(new RangeError('no such table')), 'threw an error'],
    ['answers nothing', () => undefined, 'answered undefined'],
    ['answers null', () => null, 'answered null'],
    ['answers true', () => true, 'answered boolean'],
    ['answers neither value nor issues', () => ({}), 'neither value nor issues'],
    ['answers issues that are a text', () => ({ issues: 'no' }), 'issues that are no list'],
    ['answers issues that are null', () => ({ issues: null }), 'issues that are no list'],
    ['promises nothing', () => Promise.resolve(), 'answered undefined'],
  ];

  it.each(broken)('that %s writes nothing', async (_what, validate, message) => {
    const definition = withSchema(validate);
    const { kernel, store } = await billing(definition);
    const before = (await eventsOf(store)).length;
    for (const call of [
      kernel.raise(definition, input),
      kernel.dryRun({ ...input, triggerType: definition.type }),
      kernel.previews.offer({ ...input, triggerType: definition.type }),
    ]) {
      await expect(call).rejects.toMatchObject({
        kind: 'usage',
        code: 'payload_schema_failed',
        message: expect.stringContaining(message) as string,
      });
    }
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it.each<[string, unknown, object]>([
    [
      'without an entry',
      [],
      { field: 'payload', message: 'is refused by its schema, which gives no reason' },
    ],
    ['without a message', [{ path: ['amount'] }], { field: 'payload.amount' }],
    ['that are null', [null], { field: 'payload' }],
    [
      'with a path of anything',
      [{ message: 'is wrong', path: [{ key: 'rows' }, 0, null, {}] }],
      { field: 'payload.rows.0.?.?', message: 'is wrong' },
    ],
    ['with a path that is a text', [{ message: 'is wrong', path: 'amount' }], { field: 'payload' }],
  ])('with issues %s refuses the payload', async (_what, issues, issue) => {
    const definition = withSchema(() => ({ issues }));
    const { kernel } = await billing(definition);
    expect(await kernel.raise(definition, input)).toMatchObject({
      outcome: 'rejected',
      code: 'payload_invalid',
      issues: [issue],
    });
  });

  it('may answer a promise of its own kind', async () => {
    const thenable = (answer: object) => ({
      then(resolve: (value: object) => void) {
        resolve(answer);
      },
    });
    const definition = withSchema(() => thenable({ value: { sum: 7 } }));
    const { kernel, store } = await billing(definition);
    expect(await kernel.raise(definition, input)).toMatchObject({ outcome: 'raised' });
    expect(JSON.stringify((await eventsOf(store)).at(-1)?.data)).toContain('sum');
    const refusing = withSchema(() => thenable({ issues: [{ message: 'is wrong' }] }));
    const other = await billing(refusing);
    expect(await other.kernel.raise(refusing, input)).toMatchObject({ code: 'payload_invalid' });
  });

  it('that never answers ends with the deadline of the call, and does not hold `close` back', async () => {
    const definition = withSchema(hangs);
    const { kernel, store } = await billing(definition);
    const before = (await eventsOf(store)).length;
    const raising = kernel.raise(definition, input, { deadlineMs: 20 });
    const expected = { code: 'host_timeout', message: expect.stringContaining('20 ms') as string };
    await Promise.all([expect(raising).rejects.toMatchObject(expected), kernel.close()]);
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('that fails in a test of `given` fails the test', () => {
    const definition = withSchema(() => ({}));
    expect(() => given().when(raise(definition, input))).toThrow('neither value nor issues');
  });
});

/** A type with this link. */
const withLink = (link: (about: { targetId: string; userId: string }) => unknown) =>
  defineTrigger({
    type: 'invoice_overdue',
    targets: ['invoice'],
    channel: 'email',
    // A link in JavaScript may return anything.
    link: link as (about: { targetId: string }) => string,
    evaluate: () => notify({ summary: 'It is overdue.' }),
  });

describe('the link of a definition', () => {
  const broken: readonly (readonly [string, () => unknown, string])[] = [
    [
      'throws',
      () => {
        throw new RangeError('boom');
      },
      'threw an error',
    ],
    ['returns nothing', () => undefined, 'is no text but undefined'],
    ['returns null', () => null, 'is no text but null'],
    ['returns a number', () => 7, 'is no text but number'],
    ['returns a promise', () => Promise.resolve('/x'), 'is no text but a promise'],
    ['returns a promise that rejects', () => Promise.reject(new Error('x')), 'a promise'],
    ['returns an absolute address', () => 'https://evil.example', 'begin with one slash'],
    ['returns another host', () => '//evil.example', 'begin with one slash'],
    ['returns a space', () => '/a b', 'has characters that must be encoded'],
    ['returns a long path', () => `/${'x'.repeat(255)}`, 'is longer than 255 characters'],
    ['climbs', () => '/a/../b', 'has . or .. between slashes'],
  ];

  it.each(broken)('that %s writes nothing, and is told by a dry run', async (_w, link, message) => {
    const definition = withLink(link);
    const { kernel, store } = await billing(definition);
    const before = (await eventsOf(store)).length;
    for (const call of [
      kernel.raise(definition, input),
      kernel.dryRun({ ...input, triggerType: definition.type }),
    ]) {
      await expect(call).rejects.toMatchObject({
        kind: 'usage',
        code: 'invalid_link',
        message: expect.stringContaining(message) as string,
      });
    }
    expect(await eventsOf(store)).toHaveLength(before);
  });

  const byTarget = withLink(({ targetId }) => `/invoices/${encodeURIComponent(targetId)}`);
  const byUser = withLink(({ userId }) => `/users/${encodeURIComponent(userId)}/invoices`);

  it.each<[string, TriggerDefinition, object, string]>([
    ['a target id of one dot', byTarget, { targetId: '.' }, 'targetId'],
    ['a target id of two dots', byTarget, { targetId: '..' }, 'targetId'],
    ['a long target id', byTarget, { targetId: '/'.repeat(128) }, 'targetId'],
    ['a user id of two dots', byUser, { userId: '..' }, 'userId'],
    ['a long user id', byUser, { userId: '"'.repeat(100) }, 'userId'],
  ])('refuses %s by its path', async (_what, definition, ids, field) => {
    const { kernel, store } = await billing(definition);
    const before = (await eventsOf(store)).length;
    const expected = {
      code: 'invalid_field',
      issues: [{ field, message: expect.stringContaining('use another id') as string }],
    };
    const wanted = { ...input, ...ids };
    expect(await kernel.raise(definition, wanted)).toMatchObject({
      outcome: 'rejected',
      ...expected,
    });
    const dryRun = await kernel.dryRun({ ...wanted, triggerType: definition.type });
    expect(dryRun).toMatchObject({ ok: false, error: expected });
    given().when(raise(definition, wanted)).thenRejected('invalid_field');
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('may hold every visible character of an id', async () => {
    const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
    const { kernel, store } = await billing(byTarget);
    for (const char of visible) {
      await kernel.raise(byTarget, { ...input, targetId: `x${char}` });
      const link = (await eventsOf(store)).at(-1)?.data as { targetUrl: string };
      expect(decodeURIComponent(link.targetUrl)).toBe(`/invoices/x${char}`);
    }
  });
});

describe('a clock', () => {
  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new RangeError('no time source');
      },
      'threw an error',
    ],
    ['gives nothing', () => undefined, 'gave undefined'],
    ['gives a date', () => new Date(0), 'gave object'],
    ['gives no number', () => Number.NaN, 'gave NaN'],
    ['gives seconds before 1970', () => -1, 'gave -1'],
  ])('that %s is an error that names it, and nothing is written', async (_what, now, message) => {
    let isBroken = false;
    const start = Date.UTC(2026, 0, 1);
    // A clock in JavaScript may give anything.
    const clock = { now: () => (isBroken ? (now() as number) : start) };
    const store = memoryStore();
    const definition = withSchema((value) => ({ value }));
    const kernel = await openKernel({ store, clock, triggers: [definition], channels: ['email'] });
    isBroken = true;
    const before = (await eventsOf(store)).length;
    await expect(kernel.raise(definition, input)).rejects.toMatchObject({
      code: 'clock_failed',
      message: expect.stringContaining(message) as string,
    });
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('may be an object with a state of its own, and give parts of a millisecond', async () => {
    class Counting {
      #now = Date.UTC(2026, 0, 1);
      now(): number {
        this.#now += 0.5;
        return this.#now;
      }
    }
    const definition = withSchema((value) => ({ value }));
    const options = { triggers: [definition], channels: ['email'], clock: new Counting() };
    const kernel = await openKernel({ store: memoryStore(), ...options });
    expect(await kernel.raise(definition, input)).toMatchObject({ outcome: 'raised' });
  });
});

describe('an evaluator', () => {
  it('of a dry run that never answers ends with the signal of the call', async () => {
    const { kernel } = await laterWorld({ evaluate: hangs });
    const cause = new Error('the caller has gone');
    const dryRun = kernel.dryRun(anInput(1), { signal: AbortSignal.abort(cause) });
    await expect(dryRun).rejects.toBe(cause);
  });

  it.each([undefined, 'ok', {}, { outcome: 'offer' }])(
    'of a dry run that answers %j is an error with its name',
    async (answer) => {
      const result: unknown = answer;
      const evaluate = (() => Promise.resolve(result)) as LaterEvaluator;
      const { kernel } = await laterWorld({ evaluate });
      for (const call of [kernel.dryRun(anInput(1)), kernel.previews.offer(anInput(1))]) {
        await expect(call).rejects.toMatchObject({ code: 'evaluator_result' });
      }
    },
  );

  it('of a test of `given` that returns no evaluation fails the test', () => {
    const definition = withSchema((value) => ({ value }));
    const evaluation = { outcome: 'zzz' } as never;
    expect(() => given().when(raise(definition, input, { evaluation }))).toThrow(
      'returned no evaluation',
    );
  });
});

describe('the evaluation by a worker', () => {
  const failing = async (
    more: { evaluate?: LaterEvaluator; triggers?: readonly TriggerDefinition[] },
    about: object = {},
  ): Promise<object | undefined> => {
    const { evaluate, triggers } = more;
    // The raise checks the payload, too: what fails is the worker's.
    const raises = triggers && [withSchema((value) => ({ value }))];
    const world = await laterWorld({
      ...(evaluate && { evaluate }),
      kernel: { ...(raises && { triggers: raises }), channels: ['email', 'feishu'] },
    });
    await raised(world.kernel, anInput(1, about));
    await using _worker = world.worker({
      ...(triggers && { triggers }),
      channels: ['email', 'feishu'],
    });
    await until('its evaluation has failed', async () => {
      world.time.advance(1_000);
      return (await world.types()).includes('TriggerEvaluationFailed');
    });
    return (await world.triggerEvents()).find(({ type }) => type === 'TriggerEvaluationFailed')
      ?.data as object;
  };
  const own = { triggerType: 'invoice_overdue', targetType: 'invoice' };

  it.each([undefined, 'ok', {}, { outcome: 'offer', kind: 'reminder', summary: 5 }])(
    'fails where the evaluator answers %j',
    async (answer) => {
      const result: unknown = answer;
      const evaluate = (() => Promise.resolve(result)) as LaterEvaluator;
      const failed = await failing({ evaluate });
      expect(failed).toMatchObject({ code: 'evaluation_invalid' });
      expect(JSON.stringify(failed)).toContain('returned no evaluation');
    },
  );

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new RangeError('x');
      },
      'evaluation_failed',
    ],
    ['hangs', hangs, 'evaluation_timeout'],
    ['answers nonsense', () => undefined, 'evaluation_failed'],
  ])('fails where the schema %s', async (_what, validate, code) => {
    const triggers = [withSchema(validate)];
    const failed = await failing({ triggers }, { ...own, payload: {} });
    expect(failed).toMatchObject({ code });
  });

  it('fails with the field of an id that no link can hold', async () => {
    const triggers = [withLink(({ targetId }) => `/invoices/${targetId}`)];
    const failed = await failing({ triggers }, { ...own, targetId: '..' });
    expect(failed).toMatchObject({ code: 'invalid_field' });
    expect(JSON.stringify(failed)).toContain('targetId makes a link');
  });
});
