// Settings: option before environment before file before default. Secrets have no options, because
// command lines are public; and none is ever printed.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { AddressRules } from '../../domain/channel/address.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { parseJson } from '../../domain/core/json.ts';
import { DEFAULT_FRONTEND_URL } from '../../domain/notification/message.ts';
import type { NatsConnectionOptions } from '../../adapters/nats/options.ts';
import { readRunFile } from './run-file.ts';

/** Every setting by its name in `tocsin.config.json`, with its environment variable and its help. */
export const SETTINGS = {
  store: ['TOCSIN_STORE', 'where the events are: embedded:FILE or esdb://HOST:PORT'],
  nats: ['TOCSIN_NATS', 'where the messages go: nats://HOST:PORT[,…]'],
  state: ['TOCSIN_STATE', 'the projection’s state file'],
  name: ['TOCSIN_NAME', 'first part of all stream names (default tocsin)'],
  stream: ['TOCSIN_STREAM', 'the JetStream stream (default TOCSIN)'],
  subjectRoot: ['TOCSIN_SUBJECT_ROOT', 'put before every subject, such as acme. (default empty)'],
  source: ['TOCSIN_SOURCE', 'the CloudEvents source (default /tocsin)'],
  http: ['TOCSIN_HTTP', 'HOST:PORT of health and metrics (default 127.0.0.1, any free port)'],
  api: ['TOCSIN_API', 'HOST:PORT of the HTTP API (default 127.0.0.1, any free port)'],
  worker: [
    'TOCSIN_WORKER',
    'the worker’s folder: what waits, and the list of deliveries (default var/worker)',
  ],
  frontend: ['TOCSIN_FRONTEND', 'what links in notifications begin with: https://HOST[/PATH]'],
  delivery: [
    'TOCSIN_DELIVERY',
    'on, or off: everything is recorded and nothing is sent (default on)',
  ],
  tasks: ['TOCSIN_TASKS', 'tasks and blocks: an .ics or .ndjson file, or a folder of such'],
  tasksUser: ['TOCSIN_TASKS_USER', 'whose entries they are that do not say it themselves'],
  timeZone: ['TOCSIN_TIME_ZONE', 'zone of times that name none (default: this machine’s)'],
  lead: ['TOCSIN_LEAD', 'hours before its due time that a task gets urgent (default 24)'],
  vault: ['TOCSIN_VAULT', 'where channels’ secrets and users’ keys are (default var/vault.db)'],
  vaultKeyFile: [
    'TOCSIN_VAULT_KEY_FILE',
    'the vault’s keys, readable for their owner only (default var/vault.key)',
  ],
  webhookPorts: ['TOCSIN_WEBHOOK_PORTS', 'ports of generic webhooks besides 443, such as 8443'],
  privateWebhooks: [
    'TOCSIN_PRIVATE_WEBHOOKS',
    'refuse, or for development allow: webhooks that are not of the open internet',
  ],
  standIn: [
    'TOCSIN_STAND_IN',
    'for development: an origin that stands in for Feishu, such as http://127.0.0.1:7070',
  ],
  logLevel: ['TOCSIN_LOG_LEVEL', 'debug, info, warn or error'],
  natsUser: ['TOCSIN_NATS_USER', 'user of the NATS server'],
  natsCreds: ['TOCSIN_NATS_CREDS', 'a .creds file for the NATS server'],
  natsCa: ['TOCSIN_NATS_CA', 'a CA certificate for the NATS server'],
  natsCert: ['TOCSIN_NATS_CERT', 'our certificate for the NATS server'],
  natsKey: ['TOCSIN_NATS_KEY', 'our certificate’s key'],
  natsReplicas: ['TOCSIN_NATS_REPLICAS', 'replicas of a stream that is made (default 1)'],
} as const satisfies Record<string, readonly [string, string]>;

/** Secrets: from the environment or the file only. */
const SECRETS = {
  natsPassword: 'TOCSIN_NATS_PASSWORD',
  natsToken: 'TOCSIN_NATS_TOKEN',
  vaultKey: 'TOCSIN_VAULT_KEY',
} as const;

export type SettingName = keyof typeof SETTINGS;

/** A year. */
const MAX_LEAD_HOURS = 8_760;

const names: readonly string[] = [...Object.keys(SETTINGS), ...Object.keys(SECRETS)];

const FileSchema = z.partialRecord(z.enum(names), z.string());

/** Where tasks come from, and how they are read. */
export type TasksConfig = {
  /** Absent: nobody has named a source. */
  readonly path: string | undefined;
  readonly user: string | undefined;
  readonly timeZone: string;
  readonly leadMs: number;
};

/** The settings of one invocation. */
export type Config = {
  readonly store: string;
  readonly nats: string;
  /** True when somebody said which NATS server, rather than nobody. */
  readonly natsWasGiven: boolean;
  readonly state: string;
  readonly name: string;
  readonly stream: string;
  readonly subjectRoot: string;
  readonly source: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly api: { readonly host: string; readonly port: number };
  readonly worker: string;
  readonly frontend: string;
  readonly delivery: 'on' | 'off';
  readonly tasks: TasksConfig;
  /** When raises are evaluated: over the task source, where one was named; else at once. */
  readonly evaluation: 'inline' | 'later';
  /** The vault, and its keys: as text that must not be printed, or the file that they are in. */
  readonly vault: {
    readonly file: string;
    readonly keys:
      { readonly text: string } | { readonly file: string; readonly isDefault: boolean };
    /** True when somebody said where, or under which key: then what is personal is sealed. */
    readonly wasGiven: boolean;
  };
  /** Which addresses channels may have. */
  readonly addresses: AddressRules;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Replicas of a JetStream stream that we make. */
  readonly natsReplicas: number;
  /** For the NATS client; never print it. */
  readonly natsAccess: Pick<NatsConnectionOptions, 'credentials' | 'tls'>;
};

/** What the command line said. */
export type Given = Partial<Record<SettingName | 'config', string>>;

/**
 * Puts an invocation's settings together.
 *
 * @param useRunFile whether a running `start` may say where things are, when nothing else does
 * @throws TocsinError `usage` for unknown keys, unreadable files and values out of range
 */
export function loadConfig(
  given: Given,
  env: NodeJS.ProcessEnv,
  { useRunFile = true }: { readonly useRunFile?: boolean } = {},
): Config {
  const file = readConfigFile(given.config);
  const running = useRunFile ? readRunFile() : undefined;
  const said = (name: SettingName): string | undefined =>
    given[name] ?? fromEnvironment(env, SETTINGS[name][0]) ?? file[name];
  const secret = (name: keyof typeof SECRETS): string | undefined =>
    fromEnvironment(env, SECRETS[name]) ?? file[name];
  const nats = said('nats') ?? running?.nats;
  const credsFile = said('natsCreds');
  const user = said('natsUser');
  const token = secret('natsToken');
  const credentials =
    credsFile !== undefined
      ? { credsFile }
      : user !== undefined
        ? { user, password: secret('natsPassword') ?? '' }
        : token !== undefined
          ? { token }
          : undefined;
  const tls = { ca: said('natsCa'), cert: said('natsCert'), key: said('natsKey') };
  const hasTls = Object.values(tls).some((path) => path !== undefined);
  return {
    store: said('store') ?? running?.store ?? `embedded:${resolve('var/store.db')}`,
    nats: nats ?? 'nats://127.0.0.1:4222',
    natsWasGiven: nats !== undefined,
    state: resolve(said('state') ?? 'var/state.db'),
    name: said('name') ?? 'tocsin',
    stream: said('stream') ?? 'TOCSIN',
    subjectRoot: said('subjectRoot') ?? '',
    source: said('source') ?? '/tocsin',
    http: parseAddress('http', said('http') ?? '127.0.0.1:0'),
    api: parseAddress('api', said('api') ?? '127.0.0.1:0'),
    worker: resolve(said('worker') ?? 'var/worker'),
    frontend: parseFrontend(said('frontend')),
    delivery: parseDelivery(said('delivery') ?? 'on'),
    tasks: tasksOf(said),
    evaluation: said('tasks') === undefined ? (running?.evaluation ?? 'inline') : 'later',
    vault: vaultOf(said('vault'), said('vaultKeyFile'), secret('vaultKey')),
    addresses: {
      ports: parsePorts(said('webhookPorts') ?? ''),
      privateTargets: parsePrivate(said('privateWebhooks') ?? 'refuse'),
      standIn: parseStandIn(said('standIn') ?? running?.receiver),
    },
    logLevel: parseLevel(said('logLevel') ?? 'info'),
    natsReplicas: parseReplicas(said('natsReplicas') ?? '1'),
    natsAccess: { credentials, tls: hasTls ? tls : undefined },
  };
}

function fromEnvironment(env: NodeJS.ProcessEnv, variable: string): string | undefined {
  return env[variable] === '' ? undefined : env[variable];
}

function readConfigFile(given: string | undefined): Readonly<Record<string, string | undefined>> {
  const path = resolve(given ?? 'tocsin.config.json');
  if (given === undefined && !existsSync(path)) return {};
  const bad = (what: string, cause?: unknown): TocsinError =>
    new TocsinError('usage', 'invalid_config', `${path} ${what}`, {
      hint: `It is a JSON object of texts with these keys: ${names.join(', ')}.`,
      cause,
    });
  let json: unknown;
  try {
    json = parseJson(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw bad('cannot be read as JSON', cause);
  }
  const parsed = FileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const unknown = Object.keys(typeof json === 'object' ? (json ?? {}) : {}).filter(
    (key) => !names.includes(key),
  );
  throw bad(unknown.length > 0 ? `has unknown keys: ${unknown.join(', ')}` : 'is not of that form');
}

function parseAddress(setting: 'http' | 'api', text: string): Config['http'] {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new TocsinError(
      'usage',
      `invalid_${setting}`,
      `"${text}" is not an address to listen at`,
      {
        hint: 'Use HOST:PORT, such as 127.0.0.1:9090; port 0 takes any free one.',
      },
    );
  }
  return { host: match[1] ?? '127.0.0.1', port };
}

function tasksOf(said: (name: SettingName) => string | undefined): TasksConfig {
  const path = said('tasks');
  const hours = Number(said('lead') ?? 24);
  if (!(hours >= 0 && hours <= MAX_LEAD_HOURS)) {
    throw new TocsinError('usage', 'invalid_lead', `"${said('lead') ?? ''}" is no lead in hours`, {
      hint: `Use a number from 0 to ${MAX_LEAD_HOURS}.`,
    });
  }
  const timeZone = said('timeZone') ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!isTimeZone(timeZone)) {
    throw new TocsinError('usage', 'invalid_time_zone', `nobody knows a zone "${timeZone}"`, {
      hint: 'Use a name of the IANA zone data, such as Europe/Lisbon.',
    });
  }
  return {
    path: path === undefined ? undefined : resolve(path),
    user: said('tasksUser'),
    timeZone,
    leadMs: hours * 60 * 60_000,
  };
}

function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // The platform has no other way to say so.
    return false;
  }
}

function parseReplicas(text: string): number {
  if (/^[1-5]$/.test(text)) return Number(text);
  throw new TocsinError('usage', 'invalid_nats_replicas', `"${text}" is no number of replicas`, {
    hint: 'Use 1, or 3 or 5 in a cluster of at least as many servers.',
  });
}

function parseFrontend(text: string | undefined): string {
  if (text === undefined) return DEFAULT_FRONTEND_URL;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return text;
  }
  throw new TocsinError('usage', 'invalid_frontend', 'the frontend is not an address of a site', {
    hint: 'Use https://HOST or https://HOST/PATH, without a query.',
  });
}

function parseDelivery(text: string): Config['delivery'] {
  if (text === 'on' || text === 'off') return text;
  throw new TocsinError('usage', 'invalid_delivery', `delivery cannot be "${text}"`, {
    hint: 'Use on or off.',
  });
}

function vaultOf(
  file: string | undefined,
  keyFile: string | undefined,
  key: string | undefined,
): Config['vault'] {
  const keys =
    key === undefined
      ? { file: resolve(keyFile ?? 'var/vault.key'), isDefault: keyFile === undefined }
      : { text: key };
  const wasGiven = [file, keyFile, key].some((given) => given !== undefined);
  return { file: resolve(file ?? 'var/vault.db'), keys, wasGiven };
}

function parsePorts(text: string): readonly number[] {
  const words = text.split(',').filter((word) => word.trim() !== '');
  const ports = words.map(Number);
  if (ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) return ports;
  throw new TocsinError('usage', 'invalid_webhook_ports', `"${text}" is no list of ports`, {
    hint: 'Use numbers with commas between, such as 8443,9443.',
  });
}

function parsePrivate(text: string): boolean {
  if (text === 'allow' || text === 'refuse') return text === 'allow';
  throw new TocsinError(
    'usage',
    'invalid_private_webhooks',
    `"${text}" is neither allow nor refuse`,
    {
      hint: 'Leave it at refuse, except on a machine that is for development.',
    },
  );
}

function parseStandIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/') return url.origin;
  throw new TocsinError('usage', 'invalid_stand_in', 'the stand-in is not an origin', {
    hint: 'Use http://HOST:PORT without a path, such as http://127.0.0.1:7070.',
  });
}

function parseLevel(text: string): Config['logLevel'] {
  const parsed = z.enum(['debug', 'info', 'warn', 'error']).safeParse(text);
  if (parsed.success) return parsed.data;
  throw new TocsinError('usage', 'invalid_log_level', `"${text}" is not a log level`, {
    hint: 'Use debug, info, warn or error.',
  });
}
