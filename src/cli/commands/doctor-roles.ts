// What `tocsin doctor --role` checks: what each role of a deployment needs.
import { DEFAULT_CONSUMER } from '../../adapters/nats/inbox.ts';
import { planStream } from '../../adapters/nats/stream.ts';
import type { Config } from '../config/config.ts';
import type { Checked } from './doctor-check.ts';

export const ROLES = ['store', 'projector', 'standby', 'worker', 'api', 'start', 'notary'] as const;

export type Role = (typeof ROLES)[number];

/** What a role uses. */
export type Needs = {
  /** It writes to the log. */
  readonly appends: boolean;
  /** It publishes messages, and has a state file. */
  readonly projects: boolean;
  /** It takes requests from the stream, and reads the vault. */
  readonly delivers: boolean;
  /** It reads channels and secrets. */
  readonly vault: boolean;
  /** It accepts connections of many clients. */
  readonly serves: boolean;
  /** It owns the file of an embedded store. */
  readonly ownsStore: boolean;
  /** It starts servers of its own where the settings name none. */
  readonly startsServers: boolean;
};

const NOTHING: Needs = {
  appends: false,
  projects: false,
  delivers: false,
  vault: false,
  serves: false,
  ownsStore: false,
  startsServers: false,
};

const PROJECTOR: Needs = { ...NOTHING, appends: true, projects: true };
const WORKER: Needs = { ...PROJECTOR, delivers: true, vault: true };

const NEEDS: Readonly<Record<Role, Needs>> = {
  store: { ...NOTHING, serves: true, ownsStore: true },
  projector: PROJECTOR,
  standby: PROJECTOR,
  worker: WORKER,
  api: { ...NOTHING, appends: true, vault: true, serves: true },
  start: { ...WORKER, serves: true, startsServers: true },
  notary: NOTHING,
};

/** Without a role: what any of them needs that has left its files here. */
export function needsOf(role: Role | undefined): Needs {
  return role === undefined ? WORKER : NEEDS[role];
}

/** One run of the command. */
export type Run = {
  readonly config: Config;
  readonly needs: Needs;
  readonly role: Role | undefined;
  readonly checked: Checked;
  readonly limitMs: number;
  readonly natsMonitor: string | undefined;
};

/** The subjects that a role publishes to; a token that differs from message to message is `probe`. */
export function subjectsOf(
  { stream: name, subjectRoot, notary }: Config,
  { projects, delivers }: Needs,
  hasStream: boolean,
): readonly string[] {
  const { subjects, stream } = planStream({ stream: name, subjectRoot });
  const api = [`STREAM.INFO.${stream}`, `STREAM.MSG.GET.${stream}`];
  const consumer = `${stream}.${DEFAULT_CONSUMER}`;
  if (!hasStream) api.push(`STREAM.CREATE.${stream}`);
  if (delivers) {
    api.push(
      `CONSUMER.DURABLE.CREATE.${consumer}`,
      `CONSUMER.INFO.${consumer}`,
      `CONSUMER.MSG.NEXT.${consumer}`,
    );
  }
  if (!projects) return notary.subject === undefined ? [] : [notary.subject];
  return [
    ...subjects.map((subject) => subject.replaceAll('*', 'probe')),
    ...api.map((path) => `$JS.API.${path}`),
  ];
}

/** The subject of an acknowledgement of a worker. */
export function ackSubject(stream: string): string {
  return `$JS.ACK.${stream}.${DEFAULT_CONSUMER}.1.0.0.0.0`;
}
