// The published contracts as an AsyncAPI 3 document, generated from the zod schemas with which consumers
// parse, so that both are always equal.
import { z } from 'zod';
import { parseJson, type Json, type JsonObject } from '../core/json.ts';
import { ADDRESS_CHANNELS } from '../channel/address.ts';
import { MessageHeaders } from './headers.ts';
import { CONTRACTS, NotificationRequested } from './schemas.ts';

export type AsyncApiOptions = {
  /** The start of every subject: empty, or tokens that end in a dot. Default empty. */
  readonly subjectRoot?: string;
  /** The channels of notifications. Default `feishu` and `webhook`. */
  readonly channels?: readonly string[];
};

type Contract = { readonly name: string; readonly about: string; readonly schema: z.ZodType };

const ABOUT: Readonly<Record<string, string>> = {
  'trigger.raised': 'A trigger was raised.',
  'active_schedule.triggered': 'A trigger of the schedule product was raised.',
  'schedule.apply.succeeded': 'A confirmed preview was written into the timetable.',
  'schedule.apply.failed': 'A confirmed preview could not be written; the timetable is unchanged.',
};

/**
 * The AsyncAPI 3.0 document of the messages that Tocsin sends, as JSON.
 *
 * Every contract has two channels: real traffic, and mock traffic under `mock.`.
 */
export function asyncApi({
  subjectRoot = '',
  channels: served = ADDRESS_CHANNELS,
}: AsyncApiOptions = {}): JsonObject {
  const contracts: readonly Contract[] = [
    ...Object.entries(CONTRACTS).map(([name, schema]) => ({
      name,
      schema,
      about: ABOUT[name] ?? '',
    })),
    ...served.map((channel) => ({
      name: `notification.${channel}.requested`,
      schema: NotificationRequested,
      about: `A notification was published, for the channel ${channel}.`,
    })),
  ];
  const channels = contracts.flatMap(({ name, about }) => {
    const mock = `mock.${name}`;
    const unreal = `${about} It is mock traffic: never act on it.`;
    return [
      [name, channel(name, `${subjectRoot}${name}`, about)] as const,
      [mock, channel(name, `${subjectRoot}${mock}`, unreal)] as const,
    ];
  });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tocsin',
      version: '1',
      description:
        'Triggers, and the published notifications: at most one per user, type and dedupe ' +
        'window, in a JetStream stream. Each message is a CloudEvent in NATS binary mode.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(channels),
    operations: Object.fromEntries(
      channels.map(([key]) => [
        `send.${key}`,
        { action: 'send', channel: { $ref: `#/channels/${key}` } },
      ]),
    ),
    components: {
      messages: Object.fromEntries(contracts.map((contract) => [contract.name, message(contract)])),
      schemas: {
        headers: jsonSchema(MessageHeaders),
        ...Object.fromEntries(contracts.map(({ name, schema }) => [name, jsonSchema(schema)])),
      },
    },
  };
}

function channel(name: string, subject: string, description: string): JsonObject {
  return {
    address: `${subject}.{share}.{user}`,
    description,
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
    parameters: {
      share: { description: "Two hex digits: the user's share of 256, for partial subscriptions." },
      user: {
        description: 'The user id as one subject token; `%`, `.`, `*` and `>` are percent-encoded.',
      },
    },
  };
}

function message({ name, about }: Contract): JsonObject {
  return {
    name,
    title: name,
    summary: about,
    contentType: 'application/json',
    headers: { $ref: '#/components/schemas/headers' },
    payload: { $ref: `#/components/schemas/${name}` },
  };
}

/** JSON Schema draft 7, AsyncAPI's own dialect. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    // JSON Schema has no keyword for "any JSON"; the empty schema means it.
    unrepresentable: 'any',
  });
  return parseJson(JSON.stringify(rest));
}
