// The properties of an entry that are no times. docs/tasks.md describes which properties count.
import { uuidOf } from '../../../domain/core/ids.ts';
import { IdSchema } from '../../../domain/core/identity.ts';
import { lineOf, linesOf, propertyError, rawValue, type Component } from './components.ts';
import { readDuration, readProperty, unescapeText, usualLength } from './property-values.ts';

export type Priority = 1 | 2 | 3 | 4;

/** Length of a section of the timetable. */
const SECTION_MS = 45 * 60_000;

export function priorityOf(component: Component): Priority {
  const own = numberOf(component, 'X-TOCSIN-PRIORITY', 1, 4);
  if (own === 1 || own === 2 || own === 3 || own === 4) return own;
  const value = numberOf(component, 'PRIORITY', 0, 9) ?? 0;
  if (value === 0) return 3;
  if (value <= 2) return 1;
  if (value <= 4) return 2;
  return value <= 6 ? 3 : 4;
}

export function isCompleted(component: Component): boolean {
  const status = rawValue(component, 'STATUS').toUpperCase();
  if (status === 'COMPLETED' || status === 'CANCELLED') return true;
  if (rawValue(component, 'X-TOCSIN-COMPLETED').toUpperCase() === 'TRUE') return true;
  if (numberOf(component, 'PERCENT-COMPLETE', 0, 100) === 100) return true;
  return status === '' && lineOf(component, 'COMPLETED') !== undefined;
}

export function sectionsOf(component: Component, hasDates: boolean): number {
  const own = numberOf(component, 'X-TOCSIN-SECTIONS', -1_000_000, 1_000_000);
  if (own !== undefined) return clamp(own);
  const estimate = lineOf(component, 'ESTIMATED-DURATION') ?? lineOf(component, 'DURATION');
  if (component.name !== 'VTODO' || estimate === undefined) return 1;
  // A task with DTSTART or DUE uses DURATION for its end; another task may use it as its estimate.
  if (estimate.name === 'DURATION' && hasDates) return 1;
  return clamp(Math.ceil(usualLength(readDuration(readProperty(estimate))) / SECTION_MS));
}

function clamp(sections: number): number {
  return sections <= 0 ? 1 : Math.min(4, Math.trunc(sections));
}

/** `X-TOCSIN-TASK`, else the parent of RELATED-TO. */
export function taskIdOf(component: Component): string | undefined {
  const own = rawValue(component, 'X-TOCSIN-TASK');
  if (own !== '') return idOf(own);
  for (const line of linesOf(component, 'RELATED-TO')) {
    const property = readProperty(line);
    const type = property.params.get('reltype')?.toUpperCase() ?? 'PARENT';
    const uid = unescapeText(property.value);
    if (type === 'PARENT' && uid !== '') return idOf(uid);
  }
  return undefined;
}

function numberOf(
  component: Component,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = rawValue(component, name);
  const value = Number(text);
  const isValid = text !== '' && Number.isInteger(value) && value >= min && value <= max;
  return isValid ? value : undefined;
}

export function titleOf(component: Component): string {
  const line = lineOf(component, 'SUMMARY');
  return line === undefined ? '' : unescapeText(readProperty(line).value);
}

export function userOf(component: Component): string | undefined {
  const line = lineOf(component, 'X-TOCSIN-USER');
  if (line === undefined) return undefined;
  const parsed = IdSchema.safeParse(rawValue(component, 'X-TOCSIN-USER'));
  if (!parsed.success) throw propertyError(line, 'is not a user’s id');
  return parsed.data;
}

/** The id for a UID: the UID where it is a valid id, else a UUIDv5 of it. */
export function idOf(uid: string): string {
  const parsed = IdSchema.safeParse(uid);
  return parsed.success ? parsed.data : `uid-${uuidOf('ical', uid)}`;
}

/** The id of a recurrence instance. */
export function instanceIdOf(uid: string, at: number): string {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const readable = `${idOf(uid)}_${time}`;
  return readable.length <= 64 ? readable : `uid-${uuidOf('ical', uid)}_${time}`;
}
