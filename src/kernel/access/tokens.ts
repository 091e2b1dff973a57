// Bearer tokens: create, list, revoke, verify. A token is shown once, when it is created. The log holds its
// SHA-256, which verifies a token but does not reveal it to a reader of the log.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  decideCreateToken,
  decideRevokeToken,
  type TokenInput,
  type TokenRejection,
} from '../../domain/access/decide.ts';
import { accessCodec, accessStream, type AccessEvent } from '../../domain/access/events.ts';
import {
  evolveAccess,
  initialAccess,
  tokenStatus,
  type AccessState,
  type TokenRecord,
  type TokenStatus,
} from '../../domain/access/state.ts';
import { DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import { ok, valueOf, type Result } from '../../domain/core/result.ts';
import type { Clock } from '../../domain/ports/runtime.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { decider, type Decide } from '../decider/decider.ts';
import { systemRuntime } from '../decider/runtime.ts';
import { tokenReader } from './token-reader.ts';

/** A token as lists show it. */
export type TokenView = Omit<TokenRecord, 'hash' | 'revoked'> & { readonly status: TokenStatus };

/** The result of creating a token; only this result holds the token itself. */
export type CreateTokenResult =
  | { readonly outcome: 'created'; readonly token: string; readonly view: TokenView }
  | ({ readonly outcome: 'rejected' } & TokenRejection);

export type RevokeTokenResult = { readonly outcome: 'revoked' | 'unchanged' | 'not_found' };

/** Tokens over a log. */
export interface Tokens {
  /** @throws TocsinError `unavailable` when the store gives no answer or refuses */
  create(input: TokenInput, call?: { readonly actor?: string }): Promise<CreateTokenResult>;
  /** All tokens in the order of creation, expired and revoked ones included. */
  list(): Promise<readonly TokenView[]>;
  /** Takes effect at once in this process, and within a second in others. @throws TocsinError as `create` */
  revoke(
    tokenId: string,
    call?: { readonly actor?: string; readonly reason?: string },
  ): Promise<RevokeTokenResult>;
  /** `undefined` for text that is no valid token. @throws TocsinError `unavailable`: then nobody is let in */
  verify(token: string): Promise<TokenView | undefined>;
}

export type TokensOptions = {
  readonly store: EventStore;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  readonly clock?: Clock;
};

const accessDecider = decider({
  codec: accessCodec,
  initial: initialAccess,
  evolve: evolveAccess,
  unwritable: {
    code: 'tokens_unwritable',
    hint: 'Check the event store, see `tocsin token list`, and try again.',
  },
});

const TOKEN = /^tcs_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/** Compared with when the token is unknown, so that both cases take the same time. */
const NO_HASH = Buffer.alloc(32);

/** Tokens of a log, for the command line and the HTTP API. */
export function createTokens({
  store,
  name: kernel = DEFAULT_KERNEL_NAME,
  clock,
}: TokensOptions): Tokens {
  const context = { store, runtime: systemRuntime(clock) };
  const { now, elapsed } = context.runtime;
  const stream = accessStream(kernel);
  const reader = tokenReader({ store, stream, elapsed });
  const change = async <A, R>(
    actor: string | undefined,
    decide: Decide<AccessState, AccessEvent, A, R>,
  ): Promise<Result<A, R>> => {
    try {
      const result = await accessDecider.transactOrThrow(context, stream, decide, { actor });
      return result.ok ? ok(result.value.answer) : result;
    } finally {
      reader.refresh();
    }
  };

  return {
    async create(input, { actor } = {}) {
      const tokenId = randomBytes(8).toString('hex');
      const token = `tcs_${tokenId}_${randomBytes(32).toString('base64url')}`;
      const minted = { tokenId, hash: hashOf(token).toString('hex') };
      const created = await change(actor, (_state, { recordedAt }) => {
        const decided = decideCreateToken(input, minted, recordedAt);
        return decided.ok ? ok({ events: [decided.value], answer: decided.value.data }) : decided;
      });
      if (!created.ok) return { outcome: 'rejected', ...created.error };
      const view = viewOf({ ...created.value, revoked: false }, now());
      return { outcome: 'created', token, view };
    },
    async list() {
      const { state } = await accessDecider.load(store, stream);
      return [...state.values()].map((token) => viewOf(token, now()));
    },
    async revoke(tokenId, { actor, reason } = {}) {
      const revoked = await change<RevokeTokenResult['outcome'], never>(actor, (state) => {
        const events = decideRevokeToken(state, { tokenId, reason });
        if (events === undefined) return ok({ events: [], answer: 'not_found' });
        return ok({ events, answer: events.length > 0 ? 'revoked' : 'unchanged' });
      });
      return { outcome: valueOf(revoked) };
    },
    async verify(token) {
      const tokenId = TOKEN.exec(token)?.[1];
      if (tokenId === undefined) return undefined;
      const record = await reader.find(tokenId);
      const known = record === undefined ? NO_HASH : Buffer.from(record.hash, 'hex');
      const isSame = timingSafeEqual(hashOf(token), known);
      if (record === undefined || !isSame) return undefined;
      const view = viewOf(record, now());
      return view.status === 'valid' ? view : undefined;
    },
  };
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function viewOf(record: TokenRecord, now: number): TokenView {
  const { hash: _hash, revoked: _revoked, ...shown } = record;
  return { ...shown, status: tokenStatus(record, now) };
}
