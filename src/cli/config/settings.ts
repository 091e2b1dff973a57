// The settings: their names in `tocsin.config.json`, their environment variables and their help texts.

/** Each setting with its environment variable and its help text. */
export const SETTINGS = {
  store: ['TOCSIN_STORE', 'the event store: embedded:FILE or esdb://HOST:PORT'],
  nats: ['TOCSIN_NATS', 'the NATS server that gets the messages: nats://HOST:PORT[,…]'],
  state: ['TOCSIN_STATE', 'the projection’s state file'],
  name: ['TOCSIN_NAME', 'first part of all stream names (default tocsin)'],
  stream: ['TOCSIN_STREAM', 'the JetStream stream (default TOCSIN)'],
  subjectRoot: ['TOCSIN_SUBJECT_ROOT', 'prefix of all subjects, such as acme. (default empty)'],
  source: ['TOCSIN_SOURCE', 'the CloudEvents source (default /tocsin)'],
  http: ['TOCSIN_HTTP', 'HOST:PORT of health and metrics (default 127.0.0.1, any free port)'],
  api: ['TOCSIN_API', 'HOST:PORT of the HTTP API (default 127.0.0.1, any free port)'],
  worker: [
    'TOCSIN_WORKER',
    'the worker’s folder: due work and the list of deliveries (default var/worker)',
  ],
  frontend: ['TOCSIN_FRONTEND', 'prefix of the links in notifications: https://HOST[/PATH]'],
  delivery: ['TOCSIN_DELIVERY', 'on, or off: record all deliveries and send nothing (default on)'],
  tasks: [
    'TOCSIN_TASKS',
    'tasks and calendar blocks: an .ics or .ndjson file, or a folder of them',
  ],
  tasksUser: ['TOCSIN_TASKS_USER', 'user id for entries that name none'],
  timeZone: ['TOCSIN_TIME_ZONE', 'zone of times that name none (default: this machine’s)'],
  lead: ['TOCSIN_LEAD', 'a task becomes urgent this many hours before it is due (default 24)'],
  vault: ['TOCSIN_VAULT', 'the vault with channel secrets and user keys (default var/vault.db)'],
  vaultKeyFile: [
    'TOCSIN_VAULT_KEY_FILE',
    'the vault’s keys; only the owner may read the file (default var/vault.key)',
  ],
  webhookPorts: ['TOCSIN_WEBHOOK_PORTS', 'ports of generic webhooks besides 443, such as 8443'],
  privateWebhooks: [
    'TOCSIN_PRIVATE_WEBHOOKS',
    'refuse or, for development, allow: webhooks at private addresses (default refuse)',
  ],
  standIn: [
    'TOCSIN_STAND_IN',
    'for development: an origin that replaces Feishu, such as http://127.0.0.1:7070',
  ],
  logLevel: ['TOCSIN_LOG_LEVEL', 'debug, info, warn or error'],
  natsUser: ['TOCSIN_NATS_USER', 'user name for the NATS server'],
  natsCreds: ['TOCSIN_NATS_CREDS', 'a .creds file for the NATS server'],
  natsCa: ['TOCSIN_NATS_CA', 'CA certificate to check the NATS server with'],
  natsCert: ['TOCSIN_NATS_CERT', 'client certificate for the NATS server'],
  natsKey: ['TOCSIN_NATS_KEY', 'private key of the client certificate'],
  natsReplicas: ['TOCSIN_NATS_REPLICAS', 'replicas of a stream that Tocsin creates (default 1)'],
} as const satisfies Record<string, readonly [variable: string, help: string]>;

export type SettingName = keyof typeof SETTINGS;

/** Secrets have no options, because other users of a machine can read command lines. */
export const SECRETS = {
  natsPassword: 'TOCSIN_NATS_PASSWORD',
  natsToken: 'TOCSIN_NATS_TOKEN',
  vaultKey: 'TOCSIN_VAULT_KEY',
} as const;

export type SecretName = keyof typeof SECRETS;

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

export const TASK_SETTINGS = [
  'tasks',
  'tasksUser',
  'timeZone',
  'lead',
] as const satisfies readonly SettingName[];

export const CHANNEL_SETTINGS = [
  'vault',
  'vaultKeyFile',
  'webhookPorts',
  'privateWebhooks',
  'standIn',
] as const satisfies readonly SettingName[];

/** The option of a setting: `--subject-root` for `subjectRoot`. */
export function optionOf(name: SettingName): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
