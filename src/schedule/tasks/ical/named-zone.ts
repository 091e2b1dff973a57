// Time zones of Node's data, by their name.
import { zoneOffset } from '../zone-offset.ts';
import { createTimeZone, UTC, type TimeZone } from './time-zone.ts';
import { windowsZone } from './windows-zones.ts';

const HOUR = 60 * 60 * 1000;
/** Two changes of a zone's clock are further apart, so equal offsets at both ends are the offset between them. */
const SPAN = 96 * HOUR;
const QUARTER = HOUR / 4;
const MAX_CACHED = 20_000;
/** Names that only ICU knows; others mean another zone by them, as London by BST, which is Dhaka in ICU. */
const ICU_NAMES = new Set(
  (
    'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST ' +
    'SST VST'
  ).split(' '),
);

const zones = new Map<string, TimeZone | undefined>();

/** A zone of Node's data by its IANA name, also with a vendor's prefix, or by its Windows name. */
export function namedTimeZone(name: string): TimeZone | undefined {
  const key = name.slice(0, 128).trim();
  if (!zones.has(key)) {
    if (zones.size > 2_000) zones.clear();
    zones.set(key, createNamedZone(key));
  }
  return zones.get(key);
}

/** The zone of the settings, which may have any name that Node knows. */
export function configuredTimeZone(name: string): TimeZone {
  const named = namedTimeZone(name);
  if (named !== undefined) return named;
  const offsetAt = intlOffset(name);
  return offsetAt === undefined ? UTC : createTimeZone(offsetAt);
}

/** True for a name that stands for one place: the zone data of Node are newer than a file's. */
export function namesPlace(name: string): boolean {
  return name.includes('/') || windowsZone(name) !== undefined;
}

function createNamedZone(name: string): TimeZone | undefined {
  // Some programs put a path before the name, which has one to three parts.
  const parts = name.split('/').filter((part) => part !== '');
  const hasPrefix = /^\/|:\/\//.test(name) || parts.length > 2;
  const tails = hasPrefix ? [3, 2, 1].map((n) => parts.slice(-n).join('/')) : [];
  for (const candidate of [name, ...tails]) {
    if (/^(?:utc|gmt|z|etc\/utc)$/i.test(candidate)) return UTC;
    if (ICU_NAMES.has(candidate.toUpperCase())) continue;
    const offsetAt = intlOffset(windowsZone(candidate) ?? candidate);
    if (offsetAt !== undefined) return createTimeZone(offsetAt);
  }
  return undefined;
}

/** The zone's offset from UTC at an instant, in milliseconds. */
function intlOffset(name: string): ((instant: number) => number) | undefined {
  // Node also accepts offsets as time zones; they are no TZIDs.
  if (!/^[A-Za-z_]+[A-Za-z0-9]*(?:\/[A-Za-z0-9_+-]+)*$/.test(name)) return undefined;
  let offsetAt: (instant: number) => number;
  try {
    offsetAt = zoneOffset(name);
  } catch {
    // Node does not know the name.
    return undefined;
  }
  // A format call takes tens of microseconds.
  const cache = new Map<number, number>();
  const cached = (instant: number): number => {
    const found = cache.get(instant);
    if (found !== undefined) return found;
    if (cache.size >= MAX_CACHED) cache.clear();
    const offset = offsetAt(instant);
    cache.set(instant, offset);
    return offset;
  };
  return (instant) => {
    const span = Math.floor(instant / SPAN);
    const offset = cached(span * SPAN);
    if (offset === cached((span + 1) * SPAN)) return offset;
    // Offsets change on quarters of an hour only.
    return cached(Math.floor(instant / QUARTER) * QUARTER);
  };
}
