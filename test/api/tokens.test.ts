import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { accessStream } from '../../src/domain/access/events.ts';
import { createTokens, type Tokens } from '../../src/kernel/access/tokens.ts';
import { fixedClock } from '../../src/kernel/testing/fixed-clock.ts';
import { eventsOf } from '../support/world.ts';

async function made(tokens: Tokens, input: Parameters<Tokens['create']>[0]) {
  const result = await tokens.create(input);
  if (result.outcome !== 'created') throw new Error(result.message);
  return result;
}

const INPUT = { name: 'a script', scopes: ['trigger:raise'], userId: 42 } as const;
const input = { ...INPUT, scopes: [...INPUT.scopes] };

describe('createTokens', () => {
  test('makes a token of 256 random bits, verifies it, and logs only its hash', async () => {
    const store = memoryStore();
    const tokens = createTokens({ store });
    const { token, view } = await made(tokens, input);
    expect(token).toMatch(/^tcs_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(await tokens.verify(token)).toEqual(view);
    expect(view).toMatchObject({ name: 'a script', userId: '42', status: 'valid' });
    const log = JSON.stringify(
      (await eventsOf(store)).map(({ data, metadata }) => [data, metadata]),
    );
    expect(log).not.toContain(token.slice(-43));
    expect(log).toMatch(/"hash":"[0-9a-f]{64}"/);
    expect(JSON.stringify(await tokens.list())).not.toContain('hash');
  });

  test('refuses a token with another secret, of another form, or with an unknown id', async () => {
    const tokens = createTokens({ store: memoryStore() });
    const { token } = await made(tokens, input);
    const last = token.endsWith('A') ? 'B' : 'A';
    const wrong = [token.slice(0, -1) + last, token.replace(/[0-9a-f]{16}/, '0'.repeat(16))];
    for (const text of [...wrong, '', 'tcs_', `${token} `, token.toUpperCase()]) {
      expect(await tokens.verify(text)).toBeUndefined();
    }
  });

  test('refuses a revoked token at once, and in another process within a second', async () => {
    const store = memoryStore();
    const [here, elsewhere] = [createTokens({ store }), createTokens({ store })];
    const { token, view } = await made(here, input);
    expect(await elsewhere.verify(token)).toBeDefined();
    expect(await here.revoke(view.tokenId, { reason: 'was leaked' })).toEqual({
      outcome: 'revoked',
    });
    expect(await here.verify(token)).toBeUndefined();
    await expect.poll(() => elsewhere.verify(token), { timeout: 60_000 }).toBeUndefined();
    expect(await here.revoke(view.tokenId)).toEqual({ outcome: 'unchanged' });
    expect(await here.revoke('0'.repeat(16))).toEqual({ outcome: 'not_found' });
    expect(await here.list()).toMatchObject([{ status: 'revoked' }]);
  });

  test('accepts a token of another process at once', async () => {
    const store = memoryStore();
    const here = createTokens({ store });
    await made(here, input);
    const { token } = await made(createTokens({ store }), input);
    expect(await here.verify(token)).toBeDefined();
  });

  test('refuses a token from the millisecond of its expiry', async () => {
    const clock = fixedClock('2026-01-01T00:00:00Z');
    const tokens = createTokens({ store: memoryStore(), clock });
    const { token } = await made(tokens, { ...input, expiresAt: '2026-01-01T00:00:01Z' });
    clock.advance(999);
    expect(await tokens.verify(token)).toBeDefined();
    clock.advance(1);
    expect(await tokens.verify(token)).toBeUndefined();
    expect(await tokens.list()).toMatchObject([{ status: 'expired' }]);
  });

  test('gives the scopes of policies to service tokens only', async () => {
    const tokens = createTokens({ store: memoryStore() });
    const scopes: ('policy:write' | 'trigger:read')[] = ['policy:write', 'trigger:read'];
    expect(await tokens.create({ ...input, scopes })).toMatchObject({ code: 'service_scope' });
    const { view } = await made(tokens, { name: 'operators', scopes });
    expect(view).toMatchObject({ scopes: ['trigger:read', 'policy:write'] });
  });

  test.each([
    [{ name: '  ' }, 'name'],
    [{ scopes: [] }, 'scopes'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ userId: 'a b' }, 'userId'],
  ])('with %j is refused by its field', async (change, field) => {
    const store = memoryStore();
    const result = await createTokens({ store }).create({ ...input, ...change });
    expect(result).toMatchObject({ code: 'invalid_field', issues: [{ field }] });
    expect(await eventsOf(store)).toEqual([]);
  });
});

test('the name of the access stream does not change', () => {
  expect(accessStream('tocsin')).toBe('tocsin.access');
});
