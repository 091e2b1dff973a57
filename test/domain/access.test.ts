// The decisions about tokens of the HTTP API.
import { describe, it } from 'vitest';
import { err, ok } from '../../src/domain/core/result.ts';
import {
  decideCreateToken,
  decideRevokeToken,
  type TokenInput,
} from '../../src/domain/access/decide.ts';
import type { AccessEvent } from '../../src/domain/access/events.ts';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { evolveAccess, initialAccess, type AccessState } from '../../src/domain/access/state.ts';
import { givenOf } from '../../src/testing.ts';

const NOW = Date.UTC(2026, 3, 30, 2);
const minted = { tokenId: '00112233445566aa', hash: 'ab'.repeat(32) };

type Command =
  | { readonly kind: 'create'; readonly input: TokenInput }
  | { readonly kind: 'revoke'; readonly tokenId: string; readonly reason?: string };

const given = givenOf<AccessState, AccessEvent, Command, { readonly code: string }>({
  initial: initialAccess,
  evolve: evolveAccess,
  decide(state, command) {
    if (command.kind === 'create') {
      const decision = decideCreateToken(command.input, minted, NOW);
      return decision.ok ? ok([decision.value]) : decision;
    }
    const { tokenId, reason } = command;
    const events = decideRevokeToken(state, { tokenId, reason });
    return events === undefined ? err({ code: 'unknown_token' }) : ok(events);
  },
});

const created: AccessEvent = {
  type: 'TokenCreated',
  data: { ...minted, name: 'planner', scopes: ['trigger:raise'], userId: '42' },
};
const revoked: AccessEvent = {
  type: 'TokenRevoked',
  data: { tokenId: minted.tokenId, reason: 'leaked', userId: '42' },
};
const create = (input: Partial<TokenInput>): Command => ({
  kind: 'create',
  input: { name: 'planner', scopes: ['trigger:raise'], ...input },
});

describe('decideCreateToken and decideRevokeToken', () => {
  it('create a token with its hash and its scopes, in fixed order and each once', () => {
    given()
      .when(create({ userId: 42 }))
      .then(created);
    given()
      .when(create({ scopes: [...SCOPES].reverse(), expiresAt: new Date(NOW + 1) }))
      .then({
        type: 'TokenCreated',
        data: { ...minted, name: 'planner', scopes: [...SCOPES], expiresAt: NOW + 1 },
      });
  });

  it('refuse a service scope for a user’s token, a token without scopes or name, and a past expiry', () => {
    given()
      .when(create({ userId: 42, scopes: ['policy:write'] }))
      .thenRejected('service_scope');
    given()
      .when(create({ scopes: [] }))
      .thenRejected('invalid_field');
    given()
      .when(create({ name: ' ' }))
      .thenRejected('invalid_field');
    given()
      .when(create({ expiresAt: new Date(NOW) }))
      .thenRejected('invalid_field');
  });

  it('revoke a token once and report an unknown token', () => {
    const revoke: Command = { kind: 'revoke', tokenId: minted.tokenId, reason: 'leaked' };
    given(created).when(revoke).then(revoked);
    given(created, revoked).when(revoke).thenNothing();
    given().when(revoke).thenRejected('unknown_token');
  });
});
