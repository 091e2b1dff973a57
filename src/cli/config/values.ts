// Parses the values of settings. Each parser throws a TocsinError `usage` with a hint.
import { resolve } from 'node:path';
import { usageError } from './usage-error.ts';

export type Address = { readonly host: string; readonly port: number };

export type TasksConfig = {
  /** Absent: no task source is configured. */
  readonly path: string | undefined;
  readonly user: string | undefined;
  readonly timeZone: string;
  readonly leadMs: number;
};

/** A year. */
const MAX_LEAD_HOURS = 8_760;

/** `HOST:PORT`, or a port of this machine. */
export function parseAddress(setting: 'http' | 'api', text: string): Address {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match !== null && port <= 65_535) return { host: match[1] ?? '127.0.0.1', port };
  throw usageError(
    `invalid_${setting}`,
    `"${text}" is not an address to listen at`,
    'Use HOST:PORT, such as 127.0.0.1:9090; port 0 takes any free port.',
  );
}

export function parseTasks(values: {
  readonly path: string | undefined;
  readonly user: string | undefined;
  readonly timeZone: string | undefined;
  readonly lead: string | undefined;
}): TasksConfig {
  const { path, user, lead = '24' } = values;
  const hours = Number(lead);
  if (!(hours >= 0 && hours <= MAX_LEAD_HOURS)) {
    throw usageError(
      'invalid_lead',
      `"${lead}" is not a lead time in hours`,
      `Use a number from 0 to ${MAX_LEAD_HOURS}.`,
    );
  }
  const timeZone = values.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!isTimeZone(timeZone)) {
    throw usageError(
      'invalid_time_zone',
      `"${timeZone}" is not a known time zone`,
      'Use a name from the IANA time zone database, such as Europe/Lisbon.',
    );
  }
  return {
    path: path === undefined ? undefined : resolve(path),
    user,
    timeZone,
    leadMs: hours * 60 * 60_000,
  };
}

function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // The platform reports an unknown zone only by throwing.
    return false;
  }
}

export function parseReplicas(text: string): number {
  if (/^[1-5]$/.test(text)) return Number(text);
  throw usageError(
    'invalid_nats_replicas',
    `"${text}" is not a number of replicas`,
    'Use 1, or 3 or 5 in a cluster of at least as many servers.',
  );
}

export function parseFrontend(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return text;
  }
  throw usageError(
    'invalid_frontend',
    'the frontend is not the address of a site',
    'Use https://HOST or https://HOST/PATH, without a query.',
  );
}

/** One of a few words. `name` is the setting's in an error's code. */
export function parseChoice<T extends string>(
  name: string,
  choices: readonly T[],
  text: string,
): T {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw usageError(
    `invalid_${name}`,
    `"${text}" is not a value of ${name}`,
    `Use ${choices.join(' or ')}.`,
  );
}

export function parsePorts(text: string): readonly number[] {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const ports = parts.map(Number);
  if (ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) return ports;
  throw usageError(
    'invalid_webhook_ports',
    `"${text}" is not a list of ports`,
    'Use numbers separated by commas, such as 8443,9443.',
  );
}

export function parseStandIn(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/') return url.origin;
  throw usageError(
    'invalid_stand_in',
    'the stand-in is not an origin',
    'Use http://HOST:PORT without a path, such as http://127.0.0.1:7070.',
  );
}
