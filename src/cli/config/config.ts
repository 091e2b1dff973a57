// Combines the settings of one call. An option wins over the environment, the environment over the settings file,
// and the settings file over a running `start` and the defaults. Secrets are never printed.
import { dirname, join, resolve } from 'node:path';
import type { AddressRules } from '../../domain/channel/address.ts';
import { DEFAULT_FRONTEND_URL } from '../../domain/delivery/message.ts';
import type { OtlpSettings } from '../../adapters/telemetry/otlp.ts';
import type { NatsConnectionOptions } from '../../adapters/nats/options.ts';
import { besideStart } from './beside-start.ts';
import { readRunFile, type RunFile } from './run-file.ts';
import { SECRETS, SHARED_SETTINGS, type SettingName } from './settings.ts';
import { openSources, type Given, type Sources } from './sources.ts';
import {
  parseAddress,
  parseChoice,
  parseFrontend,
  parseHosts,
  parseLimit,
  parseOtlp,
  parsePorts,
  parseReplicas,
  parseSeconds,
  parseStandIn,
  parseTasks,
  type Address,
  type TasksConfig,
} from './values.ts';

export type Config = {
  readonly store: string;
  readonly nats: string;
  /** False when no source names a NATS server. */
  readonly natsWasGiven: boolean;
  readonly state: string;
  readonly name: string;
  readonly stream: string;
  readonly subjectRoot: string;
  readonly source: string;
  readonly http: Address;
  readonly api: Address;
  readonly apiLimits: {
    readonly rate: { readonly perSecond: number; readonly burst: number };
    readonly maxBodyBytes: number;
  };
  /** Names by which browsers reach the console, besides addresses of digits and `localhost`. */
  readonly consoleHosts: readonly string[];
  readonly worker: string;
  /** The channel of notifications whose raise and type name none; undefined: the product's. */
  readonly channel: string | undefined;
  readonly frontend: string;
  readonly delivery: 'on' | 'off';
  readonly retryProfile: 'human' | 'seed';
  readonly onUnknown: 'resend' | 'park';
  readonly tasks: TasksConfig;
  /** `later`, by the worker, when a task source is configured; else at once, with the raise. */
  readonly evaluation: 'inline' | 'later';
  /** The vault, and its keys: as text that must not be printed, or the file that holds them. */
  readonly vault: {
    readonly file: string;
    readonly keys:
      { readonly text: string } | { readonly file: string; readonly isDefault: boolean };
    /** True when a source names the vault or its key: personal data are then sealed. */
    readonly wasGiven: boolean;
  };
  /** The keys that projector and worker share. */
  readonly messageKeyFile: string;
  readonly notary: {
    readonly state: string;
    readonly key: string;
    /** The file that gets the heads. */
    readonly heads: string;
    readonly subject: string | undefined;
    /** May hold a secret; never print it. */
    readonly webhook: string | undefined;
    readonly everyMs: number;
  };
  readonly addresses: AddressRules;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Where metrics and traces go; absent: nowhere. */
  readonly otlp: OtlpSettings | undefined;
  readonly natsReplicas: number;
  /** What a `start` writes down for commands beside it. */
  readonly told: Pick<RunFile, 'settings' | 'withheld'>;
  /** For the NATS client; never print it. */
  readonly natsAccess: Pick<NatsConnectionOptions, 'credentials' | 'tls'>;
};

/** For a server whose address has the credentials. */
export const NO_ACCESS: Config['natsAccess'] = { credentials: undefined, tls: undefined };

export type RunFileUse = {
  /** Whether a running `start` supplies what no other source names. Default: yes. */
  readonly useRunFile?: boolean;
  /** The settings that the command reads. Default: none. */
  readonly uses?: readonly SettingName[];
};

/** Loads the settings. @throws TocsinError `usage` for a value, or for a secret that a running `start` withholds */
export function loadConfig(
  given: Given,
  env: NodeJS.ProcessEnv,
  { useRunFile = true, uses = [] }: RunFileUse = {},
): Config {
  const named = openSources(given, env);
  const running = useRunFile ? readRunFile() : undefined;
  const sources = running === undefined ? named : besideStart(named, running, uses);
  const { setting } = sources;
  const nats = setting('nats') ?? running?.nats;
  const standIn = setting('standIn') ?? running?.receiver;
  const state = resolve(setting('state') ?? 'var/state.db');
  return {
    store: setting('store') ?? running?.store ?? `embedded:${resolve('var/store.db')}`,
    nats: nats ?? 'nats://127.0.0.1:4222',
    natsWasGiven: nats !== undefined,
    state,
    name: setting('name') ?? 'tocsin',
    stream: setting('stream') ?? 'TOCSIN',
    subjectRoot: setting('subjectRoot') ?? '',
    source: setting('source') ?? '/tocsin',
    http: parseAddress('http', setting('http') ?? '127.0.0.1:0'),
    api: parseAddress('api', setting('api') ?? '127.0.0.1:0'),
    apiLimits: {
      rate: {
        perSecond: parseLimit('api_rate', setting('apiRate') ?? '20', 1, 100_000),
        burst: parseLimit('api_burst', setting('apiBurst') ?? '40', 1, 100_000),
      },
      maxBodyBytes: parseLimit('api_body', setting('apiBody') ?? '32768', 1_024, 1_048_576),
    },
    consoleHosts: parseHosts(setting('consoleHosts') ?? ''),
    worker: resolve(setting('worker') ?? 'var/worker'),
    channel: setting('channel'),
    frontend: parseFrontend(setting('frontend') ?? DEFAULT_FRONTEND_URL),
    delivery: parseChoice('delivery', ['on', 'off'], setting('delivery') ?? 'on'),
    retryProfile: parseChoice(
      'retry_profile',
      ['human', 'seed'],
      setting('retryProfile') ?? 'human',
    ),
    onUnknown: parseChoice('on_unknown', ['resend', 'park'], setting('onUnknown') ?? 'resend'),
    tasks: parseTasks(setting('tasks'), setting('tasksUser'), setting('timeZone'), setting('lead')),
    evaluation: setting('tasks') === undefined ? 'inline' : 'later',
    vault: vaultOf(sources),
    messageKeyFile: resolve(setting('messageKeyFile') ?? join(dirname(state), 'message.key')),
    notary: {
      state: resolve(setting('notary') ?? 'var/notary.db'),
      key: resolve(setting('notaryKey') ?? 'var/notary.key'),
      heads: resolve(setting('heads') ?? 'var/heads.ndjson'),
      subject: setting('headsSubject'),
      webhook: setting('headsWebhook'),
      everyMs: parseSeconds('heads_every', setting('headsEvery') ?? '60') * 1_000,
    },
    addresses: {
      ports: parsePorts(setting('webhookPorts') ?? ''),
      privateTargets: isAllowed(setting('privateWebhooks') ?? 'refuse'),
      standIn: standIn === undefined ? undefined : parseStandIn(standIn),
    },
    logLevel: parseChoice(
      'log_level',
      ['debug', 'info', 'warn', 'error'],
      setting('logLevel') ?? 'info',
    ),
    otlp: parseOtlp(
      setting('otlp') ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'],
      setting('traceRatio') ?? '0.01',
    ),
    natsReplicas: parseReplicas(setting('natsReplicas') ?? '1'),
    natsAccess:
      setting('nats') === undefined && running?.ownNats === true
        ? NO_ACCESS
        : natsAccessOf(sources),
    told: toldBy(sources),
  };
}

function toldBy({ setting, secret }: Sources): Config['told'] {
  const settings = SHARED_SETTINGS.flatMap((name) => {
    const value = setting(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    settings: Object.fromEntries(settings),
    withheld: SECRETS.filter((name) => secret(name) !== undefined),
  };
}

function natsAccessOf({ setting, secret }: Sources): Config['natsAccess'] {
  const tls = { ca: setting('natsCa'), cert: setting('natsCert'), key: setting('natsKey') };
  const hasTls = Object.values(tls).some((path) => path !== undefined);
  return { credentials: credentialsOf({ setting, secret }), tls: hasTls ? tls : undefined };
}

function credentialsOf({ setting, secret }: Sources): Config['natsAccess']['credentials'] {
  const credsFile = setting('natsCreds');
  if (credsFile !== undefined) return { credsFile };
  const user = setting('natsUser');
  if (user !== undefined) return { user, password: secret('natsPassword') ?? '' };
  const token = secret('natsToken');
  return token === undefined ? undefined : { token };
}

function vaultOf({ setting, secret }: Sources): Config['vault'] {
  const file = setting('vault');
  const keyFile = setting('vaultKeyFile');
  const key = secret('vaultKey');
  const keys =
    key === undefined
      ? { file: resolve(keyFile ?? 'var/vault.key'), isDefault: keyFile === undefined }
      : { text: key };
  const wasGiven = [file, keyFile, key].some((given) => given !== undefined);
  return { file: resolve(file ?? 'var/vault.db'), keys, wasGiven };
}

function isAllowed(text: string): boolean {
  return parseChoice('private_webhooks', ['refuse', 'allow'], text) === 'allow';
}
