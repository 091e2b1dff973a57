// The slots of a timetable: the numbered sections of a day, as instants in an explicit time zone. Pure.
import type { Instant } from '../../domain/core/instants.ts';
import { zoneOffset } from '../tasks/zone-offset.ts';

/** The sections of a day, in local time. */
export type SlotTable = {
  /** IANA name. */
  readonly timeZone: string;
  /** `HH:MM` to `HH:MM`, ascending, within one day; section numbers count from 1. */
  readonly sections: readonly (readonly [start: string, end: string])[];
};

/** Twelve sections a day. */
export const DEFAULT_SLOT_TABLE: SlotTable = {
  timeZone: 'Asia/Shanghai',
  sections: [
    ['08:00', '08:45'],
    ['08:55', '09:40'],
    ['10:15', '11:00'],
    ['11:10', '11:55'],
    ['14:00', '14:45'],
    ['14:55', '15:40'],
    ['16:15', '17:00'],
    ['17:10', '17:55'],
    ['19:00', '19:45'],
    ['19:55', '20:40'],
    ['20:50', '21:35'],
    ['21:45', '22:30'],
  ],
};

export type Slot = {
  readonly day: string;
  /** From 1. */
  readonly section: number;
  readonly startAt: Instant;
  readonly endAt: Instant;
};

const DAY_MS = 24 * 60 * 60 * 1000;

/** The slots that start in `from <= startAt < to`, ascending. */
export function slotsBetween(table: SlotTable, from: Instant, to: Instant): readonly Slot[] {
  const local = localClock(table.timeZone);
  const slots: Slot[] = [];
  // One day more on each side: the local date may differ from the UTC date.
  for (let at = from - DAY_MS; at < to + DAY_MS; at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    for (const [index, [start, end]] of table.sections.entries()) {
      const [startAt, endAt] = [local(day, start), local(day, end)];
      if (startAt >= from && startAt < to && endAt > startAt) {
        slots.push({ day, section: index + 1, startAt, endAt });
      }
    }
  }
  return slots;
}

export function firstConsecutive(
  slots: readonly Slot[],
  length: number,
): readonly Slot[] | undefined {
  for (const [index, first] of slots.entries()) {
    const run = slots.slice(index, index + length);
    const isRun = run.every(
      (slot, n) => slot.day === first.day && slot.section === first.section + n,
    );
    if (run.length === length && isRun) return run;
  }
  return undefined;
}

/** Converts local times of a zone to instants. A time that a clock change skips becomes a later one. */
function localClock(timeZone: string): (day: string, time: string) => Instant {
  const offsetAt = zoneOffset(timeZone);
  return (day, time) => {
    const wall = Date.parse(`${day}T${time}:00Z`);
    // Twice: the offset must be that of the resulting instant.
    const guess = wall - offsetAt(wall);
    return wall - offsetAt(guess);
  };
}
