// Parses connection strings. The client's own parser is not used: if it meets a key that it does not know, it
// prints the whole string with the password, and keeps it in its errors.
import { z } from 'zod';
import { TocsinError } from '../../../domain/core/errors.ts';
import { CLIENTS } from './client.ts';
import type { Endpoint } from './endpoint.ts';

/** Which member of a cluster to connect to. */
export type NodePreference = 'leader' | 'follower' | 'random' | 'read_only_replica';

/** A connection string, taken apart. */
export type ConnectionString = {
  readonly hosts: readonly [Endpoint, ...Endpoint[]];
  /** Ask the hosts for the cluster's members, and connect to one of those. */
  readonly discover: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly settings: ConnectionSettings;
};

export type ConnectionSettings = z.infer<typeof settingsSchema>;

const DEFAULT_PORT = 2113;

// `throwOnAppendFailure` and `tlsVerifyCert` are left out on purpose: the first gives wrong revisions
// when it is off, the second has no effect in this client and would feel like a setting.
/** The default of 25.1, which is the most of all versions. */
const MAX_SERVER_APPEND_BYTES = 256 * 1024 * 1024;

const milliseconds = z.coerce.number().int().min(1);
const keepAlive = z.coerce.number().int().min(-1);
const flag = z.stringbool({ truthy: ['true'], falsy: ['false'] });
const settingsSchema = z.strictObject({
  client: z.enum(CLIENTS).default('eventstore'),
  tls: flag.default(true),
  tlscafile: z.string().optional(),
  usercertfile: z.string().optional(),
  userkeyfile: z.string().optional(),
  connectionname: z.string().optional(),
  nodepreference: z
    .string()
    .transform(flat)
    .pipe(z.enum(['leader', 'follower', 'random', 'readonlyreplica']))
    .transform((found): NodePreference =>
      found === 'readonlyreplica' ? 'read_only_replica' : found,
    )
    .default('leader'),
  maxdiscoverattempts: z.coerce.number().int().min(1).default(3),
  discoveryinterval: milliseconds.default(100),
  gossiptimeout: z.coerce.number().int().min(1).default(2),
  keepaliveinterval: keepAlive.default(10_000),
  keepalivetimeout: keepAlive.default(10_000),
  defaultdeadline: milliseconds.optional(),
  maxappendbytes: z.coerce.number().int().min(1).max(MAX_SERVER_APPEND_BYTES).optional(),
});

const SHAPE =
  /^(?<scheme>esdb|kurrentdb)(?<discover>\+discover)?:\/\/(?:(?<user>[^:@/?]*):(?<password>[^@]*)@)?(?<hosts>[^@/?]+)\/?(?:\?(?<query>.*))?$/;

/**
 * Reads `esdb://[user:password@]host[:port][,host[:port]…][?key=value&…]`. Several hosts, or
 * `esdb+discover`, mean a cluster. Keys are those of EventStoreDB's clients, in any case; an unknown
 * one is an error.
 *
 * @throws TocsinError `usage`; it never holds the string
 */
export function parseConnectionString(text: string): ConnectionString {
  const groups = SHAPE.exec(text.trim())?.groups;
  if (groups === undefined) throw malformed('it is not esdb://host:port or esdb+discover://host');
  const { discover, user, password, hosts = '', query = '' } = groups;
  const [first = '', ...others] = hosts.split(',');
  return {
    hosts: [hostOf(first), ...others.map(hostOf)],
    discover: discover !== undefined || others.length > 0,
    credentials:
      user === undefined || password === undefined
        ? undefined
        : { username: decoded(user), password: decoded(password) },
    settings: settingsOf(query),
  };
}

/** The string with user and password hidden, whatever else is wrong with it. For logs and errors. */
export function redactConnectionString(text: string): string {
  return text.replace(/\/\/.*@/s, '//***@');
}

function hostOf(text: string): Endpoint {
  const found = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]\s]+))(?::(?<port>\d{1,5}))?$/.exec(
    text,
  );
  const address = found?.groups?.['ipv6'] ?? found?.groups?.['name'];
  const port = Number(found?.groups?.['port'] ?? DEFAULT_PORT);
  if (address === undefined || port < 1 || port > 65_535) {
    throw malformed('a host is not name:port');
  }
  return { address, port };
}

function settingsOf(query: string): ConnectionSettings {
  const values: Record<string, string> = {};
  for (const pair of query === '' ? [] : query.split('&')) {
    const [key, value, ...more] = pair.split('=');
    if (key === undefined || key === '' || value === undefined || more.length > 0) {
      throw malformed('its settings are not key=value&key=value');
    }
    if (flat(key) in values) throw malformed(`its setting ${key} is there twice`);
    values[flat(key)] = decoded(value.trim());
  }
  const parsed = settingsSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const about = issue?.code === 'unrecognized_keys' ? issue.keys : (issue?.path ?? []);
  throw malformed(`its setting ${about.map(String).join(', ')} is unknown or has no such value`);
}

/** Keys and names may be written `tlsCAFile`, `tls-ca-file` or `tls_ca_file`. */
function flat(text: string): string {
  return text.trim().toLowerCase().replace(/[_-]/g, '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed('a part of it is not percent-encoded as it should be');
  }
}

function malformed(why: string): TocsinError {
  return new TocsinError('usage', 'connection_string', `the connection string is wrong: ${why}`, {
    hint: 'Write esdb://user:password@host:2113?tls=true; docs/eventstoredb.md lists the settings.',
  });
}
