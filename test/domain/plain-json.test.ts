// Payloads of a raise: what counts as JSON, and how each other value is refused, by its path and with what to do.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/domain/core/json.ts';
import { plainJson } from '../../src/domain/core/plain-json.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { defineTrigger, relayRaises, type SettledRaise } from '../../src/index.ts';
import { eventsOf, makeWorld } from '../support/world.ts';

const paid = defineTrigger({ type: 'invoice_paid', targets: ['invoice'], channel: 'email' });
const billing = () => makeWorld({ kernel: { triggers: [paid], channels: ['email'], texts: {} } });

class Money {
  readonly cents = 12;
}
const circular: Record<string, unknown> = { name: 'x' };
circular['self'] = [circular];
const shared = { a: 1 };
const wide: unknown[] = [];
let doubled: unknown = 1;
for (let level = 0; level < 40; level += 1) doubled = [doubled, doubled];
let deep: unknown = 1;
for (let level = 0; level < 65; level += 1) deep = [deep];
// eslint-disable-next-line no-sparse-arrays -- a hole is what is refused
const sparse = [1, , 2];

const REFUSED: readonly (readonly [string, unknown, string, RegExp])[] = [
  ['a Date', { due: new Date(0) }, 'payload.due', /toISOString/],
  ['a bigint', { rows: [{ sum: 12n }] }, 'payload.rows.0.sum', /send it as text/],
  ['NaN', { share: Number.NaN }, 'payload.share', /is NaN; send null/],
  ['Infinity', [-Infinity], 'payload.0', /is -Infinity; send null/],
  ['a hole', { rows: sparse }, 'payload.rows.1', /hole in a list/],
  ['undefined in a list', { rows: [1, undefined] }, 'payload.rows.1', /undefined in a list/],
  ['a function', { then: () => 1 }, 'payload.then', /is a function; leave it out/],
  ['a symbol', { kind: Symbol('x') }, 'payload.kind', /is a symbol; leave it out/],
  ['a symbol as a key', { [Symbol('x')]: 1 }, 'payload', /symbol as a key/],
  ['an instance', { price: new Money() }, 'payload.price', /instance of Money; send a plain/],
  ['a Map', new Map(), 'payload', /instance of Map/],
  ['a promise', { late: Promise.resolve(1) }, 'payload.late', /instance of Promise/],
  ['bytes', { data: new Uint8Array(2) }, 'payload.data', /instance of Uint8Array/],
  ['a value within itself', circular, 'payload.self.0', /refers to itself/],
  ['a value that doubles 40 times', doubled, 'payload', /more values|larger than/],
  ['65 levels', deep, 'payload', /deeper than 64 levels/],
  ['a lone surrogate', { name: '\ud800' }, 'payload.name', /lone surrogate/],
  ['a NUL in a key', { 'a\u0000b': 1 }, 'payload.', /NUL/],
  ['a bigint alone', 1n, 'payload', /bigint/],
];

describe('the payload of a raise', () => {
  it.each(REFUSED)('is refused by its path for %s', async (_what, payload, field, message) => {
    const { kernel, store } = await billing();
    const before = (await eventsOf(store)).length;
    // A caller in JavaScript may give anything.
    const input = { userId: 1, triggerType: 'invoice_paid', targetId: 1, payload } as RaiseInput;
    const result = await kernel.raise(input);
    expect(result).toMatchObject({ outcome: 'rejected', code: 'invalid_field' });
    if (result.outcome !== 'rejected') throw new Error(result.outcome);
    expect(result.issues).toHaveLength(1);
    expect(result.issues[0]?.field.startsWith(field)).toBe(true);
    expect(result.issues[0]?.message).toMatch(message);
    const settled: SettledRaise[] = [];
    const source = {
      name: 'rows',
      pending: () => (settled.length > 0 ? [] : [{ key: 'a', input }]),
      settled: (results: readonly SettledRaise[]) => void settled.push(...results),
    };
    await relayRaises(source, kernel, { once: true });
    expect(settled).toMatchObject([{ result: { issues: result.issues } }]);
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('counts undefined as absent, as JSON does, also for its idempotency key', async () => {
    const { kernel, store } = await billing();
    const about = { userId: 1, triggerType: 'invoice_paid', targetId: 1, idempotencyKey: 'k' };
    const payload = { amount: 12, note: undefined, rows: [{ a: undefined, b: shared }], c: shared };
    const given: unknown = payload;
    const loose = { ...about, payload: given } as RaiseInput;
    expect(await kernel.raise(loose)).toMatchObject({ outcome: 'raised' });
    const raised = (await eventsOf(store)).find(({ type }) => type === 'TriggerRaised');
    expect(raised?.data).toMatchObject({
      personal: { payload: { amount: 12, rows: [{ b: { a: 1 } }], c: { a: 1 } } },
    });
    expect(JSON.stringify(raised?.data)).not.toContain('note');
    const strict = { ...about, payload: { amount: 12, rows: [{ b: shared }], c: shared } };
    expect(await kernel.raise(strict)).toMatchObject({ outcome: 'duplicate' });
    expect(await kernel.raise({ ...about, targetId: 2, idempotencyKey: 'l' })).toMatchObject({
      outcome: 'raised',
    });
  });
});

describe('plainJson', () => {
  it('gives what JSON.stringify keeps, for every value that it takes', () => {
    const values = fc.object({ withNullPrototype: false, maxDepth: 4 });
    fc.assert(
      fc.property(values, (value) => {
        const plain = plainJson(value, 10_000);
        if (plain.ok) expect(plain.value).toEqual(parseJson(JSON.stringify(value)));
      }),
    );
  });

  it('takes every JSON value as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' }), (value) => {
        const plain = plainJson(value, 100_000);
        expect(plain).toEqual({ ok: true, value });
      }),
    );
  });

  it('ends for a list with more values than allowed', () => {
    for (let index = 0; index < 100; index += 1) wide.push(index);
    expect(plainJson(wide, 50)).toMatchObject({ ok: false, error: { path: ['49'] } });
    expect(plainJson(wide, 101)).toMatchObject({ ok: true });
  });
});
