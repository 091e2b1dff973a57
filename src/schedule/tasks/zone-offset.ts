// Offsets of IANA time zones from UTC, by the zone data of Node.
import type { Instant } from '../../domain/core/instants.ts';

const OFFSET = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/;

/** The offset of a zone at an instant, in milliseconds. @throws RangeError for an unknown zone */
export function zoneOffset(timeZone: string): (at: Instant) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  return (at) => {
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(format.format(at)) ?? [];
    const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    return sign === '-' ? -ms : ms;
  };
}
