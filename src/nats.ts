// 'tocsin/nats': messages through NATS JetStream: the output, the request queue and a reader. Re-exports only.
export { jetStreamInbox, type JetStreamInboxOptions } from './adapters/nats/inbox.ts';
export { jetStreamOutput, type JetStreamOutputOptions } from './adapters/nats/output.ts';
export { jetStreamReader } from './adapters/nats/reader.ts';
export type { NatsConnectionOptions, NatsCredentials, NatsTls } from './adapters/nats/options.ts';
export type { StoredMessage } from './projections/output.ts';
export { headsSubject } from './adapters/nats/heads-subject.ts';
