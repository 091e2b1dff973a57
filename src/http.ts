// 'tocsin/http': the HTTP API, to be mounted in a server of the host's own. Re-exports only.
export { createHttpApp, type HttpApp, type HttpAppOptions } from './adapters/http/app.ts';
export { nodeHandler, type FetchApp } from './adapters/http/server/node-handler.ts';
export type { ApiChannels } from './adapters/http/routes/channels.ts';
export { bearerTokens, type Authenticate, type Caller } from './adapters/http/endpoint/caller.ts';
export { PROBLEMS, type ProblemCode } from './adapters/http/endpoint/problems.ts';
export type { ApiRate } from './adapters/http/endpoint/rate-limit.ts';
export { createTokens } from './kernel/access/tokens.ts';
export type {
  CreateTokenResult,
  RevokeTokenResult,
  Tokens,
  TokensOptions,
  TokenView,
} from './kernel/access/tokens.ts';
export { SCOPES, type Scope } from './domain/access/scopes.ts';
export { createConsole } from './adapters/http/console/app.ts';
export type {
  ConsoleApp,
  ConsoleOptions,
  Forget,
  NotaryView,
  OpenedAudit,
} from './adapters/http/console/options.ts';
export { forgetUser, type ForgetContext, type Forgotten } from './kernel/sealing/forget.ts';
export type { HealthView } from './console/pages/now.ts';
export { createParked, type Parked, type ParkedEvent, type ParkedView } from './kernel/parked.ts';
export { createDeliveries } from './kernel/deliveries.ts';
export type {
  Deliveries,
  DeliveryHistoryEvent,
  DeliveryView,
  RedriveResult,
} from './kernel/deliveries.ts';
export type {
  RedriveCall,
  RedriveCounts,
  RedriveFilter,
  RedriveRefusal,
} from './kernel/processes/delivery/redrive-matching.ts';
