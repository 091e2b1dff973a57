// The endpoints of a user's channels. No answer holds a secret, except a generated signing secret, which the
// API shows once.
import type { ChannelKey } from '../../../domain/channel/commands.ts';
import { CHANNELS } from '../../../domain/core/vocabulary.ts';
import { z } from 'zod';
import {
  answer,
  NO_BODY,
  NO_QUERY,
  ofOne,
  refuse,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import type { Channels } from '../../../kernel/channels/channels.ts';
import type { ChannelRejected, ChannelView } from '../../../kernel/channels/view.ts';
import { rejectionProblem } from '../endpoint/problems.ts';
import { InstantShape } from '../endpoint/shapes.ts';

/** The part of a kernel's channels that the API needs. */
export type ApiChannels = Pick<Channels, 'put' | 'get' | 'remove' | 'test'>;

const PutBody = z.strictObject({
  webhook_url: z.string().max(2048),
  enabled: z.boolean().optional(),
  bearer_token: z.string().max(1024).optional(),
  /** Signs the messages. */
  secret: z.string().max(1024).optional(),
});

const ChannelShape = z.object({
  channel: z.enum(CHANNELS),
  configured: z.boolean(),
  enabled: z.boolean(),
  kind: z.string().optional(),
  webhook_url_mask: z.string().optional(),
  has_bearer_token: z.boolean(),
  has_secret: z.boolean(),
  disabled_by: z.string().optional(),
  attention: z.string().optional(),
  last_test_status: z.enum(['success', 'failed']).optional(),
  last_test_code: z.string().optional(),
  last_test_at: InstantShape.optional(),
});

const TestedShape = z.object({
  channel: z.enum(CHANNELS),
  status: z.enum(['success', 'failed']),
  outcome: z.string(),
  code: z.string(),
});

const base = '/api/v1/notification/channels/{channel}';
const CHANNEL_MS = 8_000;
/** A test sends a real message, and providers can be slow. */
const TEST_MS = 20_000;

export function channelEndpoints(channels: ApiChannels): readonly Endpoint[] {
  return [
    ofOne({
      method: 'get',
      path: base,
      operationId: 'getChannel',
      summary: 'Get a channel without its secrets; `configured` is false if there is none',
      scope: 'channel:read',
      query: NO_QUERY,
      body: NO_BODY,
      answers: { 200: { description: 'The channel', schema: ChannelShape } },
      problems: ['not_found'],
      deadlineMs: CHANNEL_MS,
      async handle({ params, userId }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        return answer(200, viewOf(await channels.get({ userId, channel })));
      },
    }),
    ofOne({
      method: 'put',
      path: base,
      operationId: 'putChannel',
      summary: 'Configure a channel; missing fields are unset',
      scope: 'channel:write',
      query: NO_QUERY,
      body: PutBody,
      answers: {
        200: {
          description: 'The channel; a generated signing secret is shown only in this answer',
          schema: ChannelShape.extend({ generated_secret: z.string().optional() }),
        },
      },
      problems: ['not_found', 'invalid_url', 'invalid_secret'],
      deadlineMs: CHANNEL_MS,
      async handle({ params, userId, body, actor }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        const { webhook_url: url, enabled, bearer_token: bearerToken, secret } = body;
        const input = { userId, channel, url, enabled, bearerToken, secret };
        const result = await channels.put(input, { actor });
        if (result.outcome === 'rejected') return rejected(result);
        const { generatedSecret } = result;
        return answer(200, { ...viewOf(result.channel), generated_secret: generatedSecret });
      },
    }),
    ofOne({
      method: 'delete',
      path: base,
      operationId: 'deleteChannel',
      summary: 'Remove a channel and destroy its secrets; a missing channel also answers 200',
      scope: 'channel:write',
      query: NO_QUERY,
      body: NO_BODY,
      answers: {
        200: {
          description: 'The channel is removed',
          schema: z.object({ deleted: z.literal(true) }),
        },
      },
      problems: ['not_found'],
      deadlineMs: CHANNEL_MS,
      async handle({ params, userId, actor }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        const result = await channels.remove({ userId, channel }, { actor });
        return result.outcome === 'rejected' ? rejected(result) : answer(200, { deleted: true });
      },
    }),
    ofOne({
      method: 'post',
      path: `${base}/test`,
      operationId: 'testChannel',
      summary: 'Send a real test message; at most five per hour',
      scope: 'channel:write',
      query: NO_QUERY,
      body: z.strictObject({}),
      bodyOptional: true,
      answers: { 200: { description: 'The result of the test', schema: TestedShape } },
      problems: ['not_found', 'not_configured', 'channel_disabled', 'too_many_tests'],
      deadlineMs: TEST_MS,
      async handle({ params, userId, actor, signal }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        const result = await channels.test({ userId, channel }, { actor, signal });
        if (result.outcome === 'rejected') return rejected(result);
        const { status, answer: outcome, code } = result;
        return answer(200, { channel, status, outcome, code });
      },
    }),
  ];
}

function channelOf({
  channel,
}: Readonly<Record<string, string>>): ChannelKey['channel'] | undefined {
  return CHANNELS.find((known) => known === channel);
}

const noChannel = (): Answer => refuse('not_found', `Channels are ${CHANNELS.join(', ')}.`);

const FIELDS: ReadonlyMap<string, string> = new Map([
  ['url', 'webhook_url'],
  ['bearerToken', 'bearer_token'],
]);

function rejected(result: ChannelRejected): Answer {
  const issues = result.issues.map(({ field, message }) => ({
    field: FIELDS.get(field) ?? field,
    message,
  }));
  const message = issues.map(({ field, message: text }) => `${field} ${text}`).join('; ');
  return { kind: 'problem', problem: rejectionProblem({ ...result, message, issues }) };
}

function viewOf(view: ChannelView): object {
  const { channel } = view;
  if (!view.configured) {
    return {
      channel,
      configured: false,
      enabled: false,
      has_bearer_token: false,
      has_secret: false,
    };
  }
  const { lastTest } = view;
  return {
    channel,
    configured: true,
    enabled: view.enabled,
    kind: view.kind,
    webhook_url_mask: view.urlMask,
    has_bearer_token: view.hasBearerToken,
    has_secret: view.hasSecret,
    disabled_by: view.disabledBy,
    attention: view.attention,
    last_test_status: lastTest?.status,
    last_test_code: lastTest?.code,
    last_test_at: lastTest?.at,
  };
}
