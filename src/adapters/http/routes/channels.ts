// The endpoints of a user's channels. The only secret in an answer is a generated signing secret, shown once.
import type { ChannelKey } from '../../../domain/channel/commands.ts';
import { ADDRESS_CHANNELS } from '../../../domain/channel/address.ts';
import { z } from 'zod';
import {
  answer,
  NO_BODY,
  ofOne,
  refuse,
  rejected,
  success,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import type { Channels } from '../../../kernel/channels/channels.ts';
import type { ChannelRejected, ChannelView } from '../../../kernel/channels/view.ts';
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
  channel: z.enum(ADDRESS_CHANNELS),
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
  channel: z.enum(ADDRESS_CHANNELS),
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
      body: NO_BODY,
      answers: success('The channel', ChannelShape),
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
      body: PutBody,
      answers: success(
        'The channel; a generated signing secret is shown only in this answer',
        ChannelShape.extend({ generated_secret: z.string().optional() }),
      ),
      problems: ['not_found', 'invalid_url', 'invalid_secret'],
      deadlineMs: CHANNEL_MS,
      async handle({ params, userId, body, actor }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        const { webhook_url: url, enabled, bearer_token: bearerToken, secret } = body;
        const input = { userId, channel, url, enabled, bearerToken, secret };
        const result = await channels.put(input, { actor });
        if (result.outcome === 'rejected') return channelRejected(result);
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
      body: NO_BODY,
      answers: success('The channel is removed', z.object({ deleted: z.literal(true) })),
      problems: ['not_found'],
      deadlineMs: CHANNEL_MS,
      async handle({ params, userId, actor }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        const result = await channels.remove({ userId, channel }, { actor });
        if (result.outcome === 'rejected') return channelRejected(result);
        return answer(200, { deleted: true });
      },
    }),
    ofOne({
      method: 'post',
      path: `${base}/test`,
      operationId: 'testChannel',
      summary: 'Send a real test message; at most five per hour',
      scope: 'channel:write',
      body: z.strictObject({}),
      bodyOptional: true,
      answers: success('The result of the test', TestedShape),
      problems: ['not_found', 'not_configured', 'channel_disabled', 'too_many_tests'],
      deadlineMs: TEST_MS,
      async handle({ params, userId, actor, signal }) {
        const channel = channelOf(params);
        if (channel === undefined) return noChannel();
        const result = await channels.test({ userId, channel }, { actor, signal });
        if (result.outcome === 'rejected') return channelRejected(result);
        const { status, answer: outcome, code } = result;
        return answer(200, { channel, status, outcome, code });
      },
    }),
  ];
}

type Params = Readonly<Record<string, string>>;

function channelOf({ channel }: Params): ChannelKey['channel'] | undefined {
  return ADDRESS_CHANNELS.find((known) => known === channel);
}

const noChannel = (): Answer => refuse('not_found', `Channels are ${ADDRESS_CHANNELS.join(', ')}.`);

const FIELDS: ReadonlyMap<string, string> = new Map([
  ['url', 'webhook_url'],
  ['bearerToken', 'bearer_token'],
]);

function channelRejected(result: ChannelRejected): Answer {
  const issues = result.issues.map((issue) => ({
    ...issue,
    field: FIELDS.get(issue.field) ?? issue.field,
  }));
  const message = issues.map(({ field, message: text }) => `${field} ${text}`).join('; ');
  return rejected({ ...result, message, issues });
}

function viewOf(view: ChannelView): object {
  const { channel } = view;
  if (!view.configured) {
    const none = { configured: false, enabled: false };
    return { channel, ...none, has_bearer_token: false, has_secret: false };
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
