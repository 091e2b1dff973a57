// What the account of this user may store in JetStream, and what it stores.
import { z } from 'zod';
import { apiErrorText, apiRequest, type Connection } from './connection.ts';
import { unavailable } from './failures.ts';

/** A limit below zero is none. */
const limit = z.number().default(-1);
const usageSchema = z.object({
  storage: z.number().default(0),
  reserved_storage: z.number().default(0),
  streams: z.number().default(0),
  consumers: z.number().default(0),
  limits: z.object({
    max_storage: limit,
    max_streams: limit,
    max_consumers: limit,
    max_ack_pending: limit,
    storage_max_stream_bytes: limit,
    max_bytes_required: z.boolean().default(false),
  }),
});
const accountSchema = usageSchema.extend({
  /** Of accounts whose limits depend on the replicas of a stream, by `R1`, `R3` and so on. */
  tiers: z.record(z.string(), usageSchema).optional(),
});

/** Limits are `undefined` where there is none. */
export type AccountUsage = {
  readonly storage: number;
  readonly maxStorage: number | undefined;
  readonly maxStreamBytes: number | undefined;
  readonly streams: number;
  readonly maxStreams: number | undefined;
  readonly consumers: number;
  readonly maxConsumers: number | undefined;
  readonly maxAckPending: number | undefined;
  /** Each stream must have `max_bytes`. */
  readonly needsMaxBytes: boolean;
};

/** The limits that count for a stream with so many replicas. @throws OutputError `unavailable` */
export async function accountUsage(
  connection: Connection,
  replicas: number,
): Promise<AccountUsage> {
  const answer = await apiRequest(connection, 'INFO', undefined, accountSchema);
  if (!answer.ok) throw unavailable(`The account cannot be read: ${apiErrorText(answer.error)}`);
  const { tiers, ...all } = answer.value;
  const { limits, ...used } = tiers?.[`R${replicas}`] ?? all;
  return {
    storage: Math.max(used.storage, used.reserved_storage),
    maxStorage: some(limits.max_storage),
    // Zero is none, too.
    maxStreamBytes: some(limits.storage_max_stream_bytes || -1),
    streams: used.streams,
    maxStreams: some(limits.max_streams),
    consumers: used.consumers,
    maxConsumers: some(limits.max_consumers),
    maxAckPending: some(limits.max_ack_pending),
    needsMaxBytes: limits.max_bytes_required,
  };
}

function some(found: number): number | undefined {
  return found < 0 ? undefined : found;
}
