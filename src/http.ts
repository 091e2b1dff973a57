// 'tocsin/http': the HTTP API, to be mounted in a server of the host's own. Re-exports only.
export { createHttpApp } from './adapters/api/app.ts';
export type { HttpApp, HttpAppOptions } from './adapters/api/app.ts';
export type { ApiChannels, ApiChannelView } from './adapters/api/routes/channels.ts';
export { bearerTokens } from './adapters/api/caller.ts';
export type { Authenticate, Caller } from './adapters/api/caller.ts';
export { PROBLEMS } from './adapters/api/problems.ts';
export type { ProblemCode } from './adapters/api/problems.ts';
export type { ApiRate } from './adapters/api/rate-limit.ts';
export { createTokens } from './kernel/tokens.ts';
export type {
  CreateTokenResult,
  RevokeTokenResult,
  Tokens,
  TokensOptions,
  TokenView,
} from './kernel/tokens.ts';
export { SCOPES } from './domain/access/scopes.ts';
export type { Scope } from './domain/access/scopes.ts';
export { createDeliveries } from './kernel/deliveries.ts';
export type { Deliveries, DeliveryStep, DeliveryView, RedriveResult } from './kernel/deliveries.ts';
