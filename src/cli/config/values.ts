// Parses the values of settings. Each parser throws a TocsinError `usage` with a hint.
import { resolve } from 'node:path';
import { parseOwnHost } from '../../adapters/http/console/own-hosts.ts';
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

/** `HOST:PORT`, `[IPV6]:PORT`, or a port of this machine. */
export function parseAddress(
  setting: 'http' | 'api' | 'listen' | 'advertise',
  text: string,
): Address {
  const match = /^(?:(?:\[(.+)\]|([^:]+)):)?(\d{1,5})$/.exec(text);
  const [, ipv6, host = '127.0.0.1', port] = match ?? [];
  if (Number(port) <= 65_535) return { host: ipv6 ?? host, port: Number(port) };
  const hint = 'Use HOST:PORT, such as 127.0.0.1:9090; port 0 takes any free port.';
  throw usageError(`invalid_${setting}`, `"${text}" is not an address`, hint);
}

export function parseTasks(
  path: string | undefined,
  user: string | undefined,
  timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone,
  lead = '24',
): TasksConfig {
  const hours = Number(lead);
  if (!(hours >= 0 && hours <= MAX_LEAD_HOURS)) {
    const hint = `Use a number from 0 to ${MAX_LEAD_HOURS}.`;
    throw usageError('invalid_lead', `"${lead}" is not a lead time in hours`, hint);
  }
  if (!isTimeZone(timeZone)) {
    const hint = 'Use a name from the IANA time zone database, such as Europe/Lisbon.';
    throw usageError('invalid_time_zone', `"${timeZone}" is not a known time zone`, hint);
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
  const hint = 'Use 1, or 3 or 5 in a cluster of at least as many servers.';
  throw usageError('invalid_nats_replicas', `"${text}" is not a number of replicas`, hint);
}

/** A whole number of a range. */
export function parseLimit(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= least && number <= most) return number;
  const hint = `Use a whole number from ${least} to ${most}.`;
  throw usageError(`invalid_${name}`, `"${text}" is out of range`, hint);
}

export function parseFrontend(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return text;
  }
  const hint = 'Use https://HOST or https://HOST/PATH, without a query.';
  throw usageError('invalid_frontend', 'the frontend is not the address of a site', hint);
}

/** One of a few words. `name` is the setting's in an error's code. */
export function parseChoice<T extends string>(
  name: string,
  choices: readonly T[],
  text: string,
): T {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  const hint = `Use ${choices.join(' or ')}.`;
  throw usageError(`invalid_${name}`, `"${text}" is not a value of ${name}`, hint);
}

/** A day. */
const MAX_SECONDS = 86_400;

export function parseSeconds(name: string, text: string): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  const hint = `Use a whole number from 1 to ${MAX_SECONDS}.`;
  throw usageError(`invalid_${name}`, `"${text}" is not a number of seconds`, hint);
}

export function parsePorts(text: string): readonly number[] {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const ports = parts.map(Number);
  if (ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) return ports;
  const hint = 'Use numbers separated by commas, such as 8443,9443.';
  throw usageError('invalid_webhook_ports', `"${text}" is not a list of ports`, hint);
}

/** Names and origins separated by commas. */
export function parseHosts(text: string): readonly string[] {
  const hosts = text.split(',').flatMap((part) => part.trim() || []);
  for (const host of hosts) parseOwnHost(host);
  return hosts;
}

export function parseStandIn(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/') return url.origin;
  const hint = 'Use http://HOST:PORT without a path, such as http://127.0.0.1:7070.';
  throw usageError('invalid_stand_in', 'the stand-in is not an origin', hint);
}

/** The collector of metrics and traces; `undefined` without an address. */
export function parseOtlp(
  endpoint: string | undefined,
  ratio: string,
): { readonly endpoint: string; readonly traceRatio: number } | undefined {
  const traceRatio = Number(ratio);
  if (!(traceRatio >= 0 && traceRatio <= 1) || ratio.trim() === '') {
    const hint = 'Use a number from 0 to 1, such as 0.05.';
    throw usageError('invalid_trace_ratio', `"${ratio}" is not a share of traces`, hint);
  }
  if (endpoint === undefined || endpoint === '') return undefined;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    const hint = 'Use http://HOST:PORT or https://HOST:PORT; /v1/traces and /v1/metrics are added.';
    throw usageError('invalid_otlp', `"${endpoint}" is not the address of a collector`, hint);
  }
  return { endpoint, traceRatio };
}
