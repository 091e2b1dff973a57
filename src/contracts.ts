// 'tocsin/contracts': what consumers of the messages need.
export {
  CONTRACTS,
  NotificationRequested,
  ScheduleApplyFailed,
  ScheduleApplySucceeded,
  TriggerRaised,
} from './domain/contracts/schemas.ts';
export type { ContractName } from './domain/contracts/schemas.ts';
export { MessageHeaders } from './domain/contracts/headers.ts';
export { parseMessage, type ParsedMessage } from './domain/contracts/parse-message.ts';
export { asyncApi, type AsyncApiOptions } from './domain/contracts/async-api.ts';
