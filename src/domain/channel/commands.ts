// The commands on a channel, and the checks of their input that need no state.
import { z } from 'zod';
import { err, ok, type Result } from '../core/result.ts';
import { IdSchema } from '../core/identity.ts';
import { issuesOf, rejection, rejectionWith, type RejectionOf } from '../core/input.ts';
import { ADDRESS_CHANNELS, readAddress, type Address, type AddressRules } from './address.ts';

export const ChannelKeySchema = z.strictObject({
  userId: IdSchema,
  channel: z.enum(ADDRESS_CHANNELS, { error: `must be one of ${ADDRESS_CHANNELS.join(', ')}` }),
});

/** Visible ASCII only, because the text goes into an HTTP header. */
const VISIBLE = /^[\x21-\x7e]{1,1024}$/;

const secretText = z
  .string()
  .trim()
  .transform((text) => (text === '' ? undefined : text))
  .pipe(z.string().regex(VISIBLE, 'must be 1 to 1024 visible ASCII characters').optional())
  .optional();

/** The configuration from the owner; it replaces the previous configuration. */
export const ChannelInputSchema = ChannelKeySchema.extend({
  url: z.string(),
  enabled: z.boolean().default(true),
  /** Sent as `Authorization: Bearer …`, by the kinds that take one. */
  bearerToken: secretText,
  /** Signs messages: the secret of a Feishu bot, or a secret of Standard Webhooks (`whsec_…`). */
  secret: secretText,
});

/** {@link ChannelInputSchema} before it is checked. */
export type ChannelInput = z.input<typeof ChannelInputSchema>;

export type ChannelKey = Readonly<z.output<typeof ChannelKeySchema>>;

export type ChannelSettings = ChannelKey & {
  readonly address: Address;
  readonly enabled: boolean;
  readonly bearerToken: string | undefined;
  readonly secret: string | undefined;
};

/** Why a command was refused; stable codes. Messages never quote a value. */
export type ChannelRejection = RejectionOf<
  | 'invalid_field'
  | 'invalid_url'
  | 'invalid_secret'
  | 'not_configured'
  | 'channel_disabled'
  | 'too_many_tests'
>;

export function parseChannelKey(input: unknown): Result<ChannelKey, ChannelRejection> {
  const parsed = ChannelKeySchema.safeParse(input);
  return parsed.success ? ok(parsed.data) : err(invalidFields(parsed.error));
}

export function parseChannel(
  input: unknown,
  rules: AddressRules,
): Result<ChannelSettings, ChannelRejection> {
  const parsed = ChannelInputSchema.safeParse(input);
  if (!parsed.success) return err(invalidFields(parsed.error));
  const { userId, channel, url, enabled, bearerToken, secret } = parsed.data;
  const address = readAddress(url, channel, rules);
  if (!address.ok) return err(rejection('invalid_url', 'url', address.error));
  const { kind } = address.value;
  if (bearerToken !== undefined && kind === 'feishu_bot') {
    return err(rejection('invalid_secret', 'bearerToken', 'is not for a bot’s webhook'));
  }
  const wrong = secret === undefined ? undefined : wrongSecret(kind, secret);
  if (wrong !== undefined) return err(rejection('invalid_secret', 'secret', wrong));
  return ok({ userId, channel, address: address.value, enabled, bearerToken, secret });
}

/** 24 to 64 bytes, as Standard Webhooks demands. */
const STANDARD_SECRET = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;

function wrongSecret(kind: Address['kind'], secret: string): string | undefined {
  if (kind === 'feishu_bot') return undefined;
  if (kind !== 'webhook') {
    return 'is for bots and generic webhooks: this kind cannot check a signature';
  }
  return STANDARD_SECRET.test(secret) ? undefined : 'must be whsec_ and 24 to 64 bytes in base64';
}

function invalidFields(error: z.ZodError): ChannelRejection {
  return rejectionWith('invalid_field', issuesOf(error, { whole: 'channel' }));
}

export type ChannelCommand =
  | {
      readonly kind: 'configure';
      readonly settings: Omit<ChannelSettings, 'address' | 'bearerToken' | 'secret'>;
      readonly facts: {
        readonly kind: Address['kind'];
        readonly mask: string;
        readonly fingerprint: string;
        readonly hasBearerToken: boolean;
        readonly hasSecret: boolean;
        readonly ref: string;
      };
    }
  | { readonly kind: 'enable' }
  | { readonly kind: 'disable' }
  | { readonly kind: 'remove' }
  /** A provider's answer about the version of the channel that was called. */
  | {
      readonly kind: 'report';
      readonly version: number;
      readonly advice: 'disable' | 'needs_attention';
      readonly code: string;
    }
  /** Reserves one of the tests of an hour, before the message is sent. */
  | { readonly kind: 'start_test' }
  | {
      readonly kind: 'record_test';
      readonly version: number;
      readonly succeeded: boolean;
      readonly code: string;
      readonly detail: string | undefined;
    };
