// The checks of `tocsin doctor` for clocks: this machine against the NATS server, the event store and the log.
import { readFileSync } from 'node:fs';
import { parseConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { authorityOf } from '../../adapters/eventstore/esdb/endpoint.ts';
import { remoteClock, type RemoteTls } from '../../adapters/http/remote-clock.ts';
import type { ClockReading } from '../../adapters/nats/describe.ts';
import { MetadataSchema } from '../../domain/core/envelope.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';
import { firstOf } from '../../projections/last-seen.ts';
import { openReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { fault, ok, warning, type Check } from './doctor-check.ts';
import { duration } from './doctor-text.ts';

/** A clock that is this far off is reported. */
const NOTED_MS = 2_000;
/** As far as this, processes take leases of each other for expired: an attempt may be made twice. */
const WRONG_MS = 10_000;

const HINT =
  'Let NTP or chrony set the clocks of all machines. Verdicts depend on the times in the log; leases and retries ' +
  'on the clocks of the workers.';

/** @param reading of the clock of `whose`; `undefined` when that does not tell its time */
export function weighClock(name: string, whose: string, reading: ClockReading | undefined): Check {
  if (reading === undefined) return ok(name, `${whose} does not tell its time`);
  const { aheadMs, withinMs } = reading;
  // Half of the doubt lies on either side.
  const offMs = Math.abs(aheadMs) - withinMs / 2;
  const side = aheadMs > 0 ? 'ahead of' : 'behind';
  const detail = `the clock of ${whose} is ${duration(Math.abs(aheadMs))} ${side} this machine's`;
  if (offMs >= WRONG_MS) return fault(name, 'clock_wrong', detail, HINT);
  if (offMs >= NOTED_MS) return warning(name, 'clock_wrong', detail, HINT);
  return ok(
    name,
    `${whose} agrees with this machine within ${duration(Math.max(withinMs / 2, NOTED_MS))}`,
  );
}

/** The NATS server by its answer, else by its monitoring port, else by the time of its newest message. */
export async function checkNatsClock(
  told: ClockReading | undefined,
  lastAt: number | undefined,
  monitor: string | undefined,
  signal: AbortSignal,
): Promise<Check> {
  const name = 'nats-clock';
  if (told !== undefined) return weighClock(name, 'the NATS server', told);
  if (monitor !== undefined) {
    const url = new URL('/healthz', monitor);
    return weighClock(name, `the NATS server at ${url.host}`, await remoteClock(url, {}, signal));
  }
  const aheadMs = lastAt === undefined ? 0 : lastAt - Date.now();
  if (aheadMs > 0) return weighClock(name, 'the NATS server', { aheadMs, withinMs: 0 });
  return ok(
    name,
    'this server does not tell its time; nats-server 2.10 and newer does, or --nats-monitor http://HOST:8222',
  );
}

/** Each host of the connection string. */
export async function checkStoreClock(store: string, signal: AbortSignal): Promise<Check> {
  const name = 'store-clock';
  const { hosts, settings } = parseConnectionString(store);
  const tls = settings.tls ? pemOf(settings) : {};
  const found = await Promise.all(
    hosts.map(async (host) => {
      const url = new URL(`${settings.tls ? 'https' : 'http'}://${authorityOf(host)}/info`);
      // A node that does not answer is the matter of other checks.
      const reading = await remoteClock(url, tls, signal).catch(() => undefined);
      return weighClock(name, `the event store at ${authorityOf(host)}`, reading);
    }),
  );
  const worst = ['failed', 'warning'].map((wanted) =>
    found.find(({ status }) => status === wanted),
  );
  const details = found.map(({ detail }) => detail).join('; ');
  return worst.find((check) => check !== undefined) ?? ok(name, details);
}

function pemOf({
  tlscafile: ca,
  usercertfile: cert,
  userkeyfile: key,
}: ReturnType<typeof parseConnectionString>['settings']): RemoteTls {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
  return { ca: read(ca), cert: read(cert), key: read(key) };
}

/** An event that was recorded in the future: a process that writes to the log has another clock. */
export async function checkLogClock(config: Config): Promise<Check> {
  const name = 'log-clock';
  await using log = await openReader(config);
  const prefixes = projectionPrefixes(config.name);
  const event = await firstOf(log.readAll({ direction: 'backwards', prefixes, maxCount: 1 }));
  const { success, data } = MetadataSchema.safeParse(event?.metadata);
  if (!success) return ok(name, 'no event tells a time yet');
  const aheadMs = data.recordedAt - Date.now();
  if (aheadMs > 0)
    return weighClock(name, 'the writer of the last event', { aheadMs, withinMs: 0 });
  return ok(name, `the last event was recorded ${duration(-aheadMs)} ago`);
}
