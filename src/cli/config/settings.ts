// The settings: their names in `tocsin.config.json`, their environment variables and their help texts.

/** Each setting with its help text. */
export const SETTINGS = {
  store: 'the event store: embedded:FILE or esdb://HOST:PORT',
  nats: 'the NATS server that gets the messages: nats://HOST:PORT[,…]',
  state: 'the projection’s state file',
  name: 'first part of all stream names (default tocsin)',
  stream: 'the JetStream stream (default TOCSIN)',
  subjectRoot: 'prefix of all subjects, such as acme. (default empty)',
  source: 'the CloudEvents source (default /tocsin)',
  http: 'HOST:PORT of health and metrics (default 127.0.0.1, any free port)',
  api: 'HOST:PORT of the HTTP API (default 127.0.0.1, any free port)',
  apiRate: 'requests a second of each token of the API (default 20)',
  apiBurst: 'requests at once of each token of the API (default 40)',
  apiBody: 'the largest body of a request to the API, in bytes (default 32768)',
  consoleHosts:
    'names by which a proxy serves the console, such as https://ops.example.com (default none)',
  worker: 'the worker’s folder: due work and the list of deliveries (default var/worker)',
  channel: 'the channel if neither raise nor trigger type names a channel (default feishu)',
  frontend: 'prefix of the links in notifications: https://HOST[/PATH]',
  delivery: 'on, or off: record all deliveries and send nothing (default on)',
  retryProfile: 'human (tries within the hour) or seed (5, 10, 20, 30 minutes) (default human)',
  onUnknown: 'after a call without an answer: resend, or park for an operator (default resend)',
  tasks: 'tasks and calendar blocks: an .ics or .ndjson file, or a folder of them',
  tasksUser: 'user id for entries that name none',
  timeZone: 'zone of times that name none (default: this machine’s)',
  lead: 'a task becomes urgent this many hours before it is due (default 24)',
  vault: 'the vault with channel secrets and user keys (default var/vault.db)',
  vaultKeyFile: 'the vault’s keys; only the owner may read the file (default var/vault.key)',
  messageKeyFile:
    'the key that signs messages to the worker; made if missing (default message.key beside the state file)',
  webhookPorts: 'ports of generic webhooks besides 443, such as 8443',
  privateWebhooks:
    'refuse or, for development, allow: webhooks at private addresses (default refuse)',
  standIn: 'for development: an origin that replaces Feishu, such as http://127.0.0.1:7070',
  notary: 'the notary’s state file (default var/notary.db)',
  notaryKey: 'the notary’s key; only the owner may read the file (default var/notary.key)',
  heads: 'the file that gets the signed tree heads (default var/heads.ndjson)',
  headsSubject: 'a NATS subject that also gets the tree heads',
  headsWebhook: 'a URL that also gets the tree heads, by POST',
  headsEvery: 'seconds between two heads while the log grows (default 60)',
  logLevel: 'debug, info, warn or error',
  otlp: 'a collector that gets metrics and traces by OTLP, such as http://127.0.0.1:4318',
  traceRatio: 'the share of traces that are recorded, 0 to 1 (default 0.01)',
  natsUser: 'user name for the NATS server',
  natsCreds: 'a .creds file for the NATS server',
  natsCa: 'CA certificate to check the NATS server with',
  natsCert: 'client certificate for the NATS server',
  natsKey: 'private key of the client certificate',
  natsReplicas: 'replicas of a stream that Tocsin creates (default 1)',
} as const satisfies Record<string, string>;

export type SettingName = keyof typeof SETTINGS;

/** Secrets have no options, because other users of a machine can read command lines. */
export const SECRETS = ['natsPassword', 'natsToken', 'vaultKey'] as const;

export type SecretName = (typeof SECRETS)[number];

/** The environment variable of a setting: `TOCSIN_SUBJECT_ROOT` for `subjectRoot`. */
export function variableOf(name: string): string {
  return `TOCSIN_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

export const NATS_SETTINGS = [
  'nats',
  'stream',
  'subjectRoot',
  'natsUser',
  'natsCreds',
  'natsCa',
  'natsCert',
  'natsKey',
  'natsReplicas',
] as const satisfies readonly SettingName[];

export const API_SETTINGS = ['api', 'apiRate', 'apiBurst', 'apiBody', 'consoleHosts'] as const;

export const TELEMETRY_SETTINGS = ['otlp', 'traceRatio'] as const;
export const NOTARY_SETTINGS = [
  'notary',
  'notaryKey',
  'heads',
  'headsSubject',
  'headsWebhook',
  'headsEvery',
] as const satisfies readonly SettingName[];

export const TASK_SETTINGS = ['tasks', 'tasksUser', 'timeZone', 'lead'] as const;

export const CHANNEL_SETTINGS = [
  'vault',
  'vaultKeyFile',
  'webhookPorts',
  'privateWebhooks',
  'standIn',
] as const satisfies readonly SettingName[];

/** What commands beside a running `start` need not know: its addresses, how it runs, and what may hold a secret. */
const OF_THE_START: ReadonlySet<string> = new Set<SettingName>([
  'store',
  'nats',
  'http',
  ...API_SETTINGS,
  ...TELEMETRY_SETTINGS,
  'logLevel',
  'headsWebhook',
  'headsEvery',
]);

/** What commands take from a running `start`: they would otherwise work on other files, streams or subjects than it. */
export const SHARED_SETTINGS: readonly SettingName[] = Object.keys(SETTINGS)
  .filter(isSetting)
  .filter((name) => !OF_THE_START.has(name));

function isSetting(name: string): name is SettingName {
  return name in SETTINGS;
}

/** The option of a setting: `--subject-root` for `subjectRoot`. */
export function optionOf(name: SettingName): string {
  return `--${name.replaceAll(/[A-Z]/g, '-$&').toLowerCase()}`;
}

/** The token of a served store comes from the environment, because others can read command lines. */
export const STORE_TOKEN_VARIABLE = 'TOCSIN_STORE_TOKEN';
