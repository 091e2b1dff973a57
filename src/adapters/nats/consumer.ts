// A durable consumer of the output stream, as the server reports it.
import { z } from 'zod';
import { apiErrorText, apiRequest, isCode, type Connection } from './connection.ts';
import { jsCode, unavailable } from './failures.ts';

const consumerSchema = z.object({
  config: z.object({
    ack_policy: z.string(),
    max_ack_pending: z.number().default(0),
    max_deliver: z.number().default(-1),
    filter_subject: z.string().default(''),
  }),
  num_ack_pending: z.number(),
  num_pending: z.number(),
});

export type ConsumerDescription = {
  /** Messages that were handed over and are not acknowledged. */
  readonly unacknowledged: number;
  readonly maxUnacknowledged: number;
  /** Messages that were not handed over yet. */
  readonly waiting: number;
  /** Why a worker cannot share it, in words. */
  readonly faults: readonly string[];
};

/** `undefined` when there is none: a worker makes it. @throws OutputError `unavailable` */
export async function describeConsumer(
  connection: Connection,
  stream: string,
  name: string,
): Promise<ConsumerDescription | undefined> {
  const path = `CONSUMER.INFO.${stream}.${name}`;
  const answer = await apiRequest(connection, path, undefined, consumerSchema);
  if (!answer.ok) {
    if (isCode(answer.error, jsCode.consumerNotFound)) return undefined;
    throw unavailable(`The consumer ${name} cannot be read: ${apiErrorText(answer.error)}`);
  }
  const { config, num_ack_pending: unacknowledged, num_pending: waiting } = answer.value;
  return {
    unacknowledged,
    maxUnacknowledged: config.max_ack_pending,
    waiting,
    faults: [
      ...(config.ack_policy === 'explicit' ? [] : [`ack_policy is ${config.ack_policy}`]),
      ...(config.max_deliver === -1
        ? []
        : [`max_deliver is ${config.max_deliver}: messages are given up`]),
    ],
  };
}
