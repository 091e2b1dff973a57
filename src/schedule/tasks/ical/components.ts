// Splits an iCalendar stream (RFC 5545) into components and content lines. Not recursive, and every size
// is bounded, so the cost of a hostile file is linear in its size.
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import { oneLine } from '../../../domain/core/text.ts';
import { contentLines, utf8Bytes, type ContentLine } from './content-lines.ts';

export type Component = {
  readonly name: string;
  readonly line: number;
  readonly lines: readonly ContentLine[];
  readonly children: readonly Component[];
  /** Index of the VCALENDAR around it; entries of one calendar share its time zones. */
  readonly calendar: number;
};

export type Components = {
  /** VTODO, VEVENT and VTIMEZONE components. */
  readonly entries: readonly Component[];
  /** The properties of each VCALENDAR. */
  readonly calendars: readonly (readonly ContentLine[])[];
  /** How many components of other kinds there are. */
  readonly ignored: number;
  /** True when a VCALENDAR, or what is around an entry, has no end: the rest of the file may be missing. */
  readonly isCut: boolean;
  readonly problems: readonly Omit<EntryProblem, 'file'>[];
};

const MAX_DEPTH = 16;
const MAX_ENTRY_LINES = 20_000;
/** Bounds the memory that a file takes: its components and the properties that are kept of them. */
const MAX_PARTS = 2_000_000;
const PARTS_OF_COMPONENT = 4;
const MAX_PROBLEMS = 10_000;
const READ: ReadonlySet<string> = new Set(['VTODO', 'VEVENT', 'VTIMEZONE']);
const NESTED: ReadonlySet<string> = new Set([...READ, 'VALARM', 'STANDARD', 'DAYLIGHT']);

/** The properties that are read; a file's memory is spent on them alone. */
const KEPT: ReadonlySet<string> = new Set(
  (
    'UID SEQUENCE DTSTAMP LAST-MODIFIED RECURRENCE-ID DTSTART DTEND DUE DURATION RRULE EXRULE RDATE EXDATE ' +
    'STATUS TRANSP COMPLETED PERCENT-COMPLETE PRIORITY ESTIMATED-DURATION SUMMARY ORGANIZER RELATED-TO ' +
    'TRIGGER TZID TZOFFSETFROM TZOFFSETTO METHOD X-WR-TIMEZONE ' +
    'X-TOCSIN-USER X-TOCSIN-PRIORITY X-TOCSIN-COMPLETED X-TOCSIN-SECTIONS X-TOCSIN-TASK X-TOCSIN-URGENT-AT'
  ).split(' '),
);

type OpenComponent = Component & {
  /** How many lines it has. */
  size: number;
  readonly lines: ContentLine[];
  readonly children: Component[];
  /** True for an entry that is read, and for its subcomponents. */
  readonly isRead: boolean;
};

/**
 * Splits a file. Components that do not nest are reported; the rest is read. Yields between parts of the work.
 */
export function* readComponents(bytes: Buffer): Generator<undefined, Components, undefined> {
  const entries: Component[] = [];
  const calendars: ContentLine[][] = [[]];
  let ignored = 0;
  const problems: Omit<EntryProblem, 'file'>[] = [];
  const stack: OpenComponent[] = [];
  let tooDeep = 0;
  let current = 0;
  let parts = 0;

  const report = (line: number, component: string, code: string, message: string): void => {
    problems.push({ line, component, code, message });
  };
  const unfinished = ({ line, name }: OpenComponent): void => {
    report(line, name, 'unfinished', 'has no END before the file or what is around it ends');
  };

  const end = (name: string, line: number): void => {
    const at = stack.findLastIndex((open) => open.name === name);
    if (at < 0) {
      report(line, name, 'stray_end', 'ends without a BEGIN');
      return;
    }
    for (const open of stack.splice(at + 1).reverse()) if (NESTED.has(open.name)) unfinished(open);
    const open = stack.pop();
    if (open === undefined) return;
    if (open.name === 'VCALENDAR') current = 0;
    if (!open.isRead) return;
    if (READ.has(open.name)) {
      if (open.size <= MAX_ENTRY_LINES) entries.push(open);
      else report(open.line, name, 'entry_too_large', `has more than ${MAX_ENTRY_LINES} lines`);
    } else stack.at(-1)?.children.push(open);
  };

  for (const content of contentLines(yield* utf8Bytes(bytes))) {
    yield;
    if (content === undefined) continue;
    const { line, name } = content;
    if (parts > MAX_PARTS || problems.length >= MAX_PROBLEMS) {
      report(
        line,
        'VCALENDAR',
        'calendar_too_large',
        'has too many entries or problems to read on',
      );
      return { entries, calendars, ignored, isCut: true, problems };
    }
    const parent = stack.at(-1);
    if (name === 'BEGIN') {
      const component = componentName(content.text.slice(6));
      if (stack.length >= MAX_DEPTH) {
        tooDeep += 1;
        continue;
      }
      parts += PARTS_OF_COMPONENT;
      if (component === 'VCALENDAR') current = calendars.push([]) - 1;
      const isRead = READ.has(component) || (parent?.isRead === true && NESTED.has(component));
      if (!isRead && component !== 'VCALENDAR') ignored += 1;
      const nothing = { size: 0, lines: [], children: [] };
      stack.push({ name: component, line, ...nothing, calendar: current, isRead });
    } else if (name === 'END') {
      if (tooDeep > 0) {
        tooDeep -= 1;
        const message = `are nested deeper than ${MAX_DEPTH} levels`;
        if (tooDeep === 0) report(line, 'VCALENDAR', 'too_deep', message);
        continue;
      }
      end(componentName(content.text.slice(4)), line);
    } else if (tooDeep === 0 && parent !== undefined) {
      parent.size += 1;
      const lines = parent.isRead ? parent.lines : calendarLines(calendars, parent);
      if (lines === undefined || !KEPT.has(name) || parent.size > MAX_ENTRY_LINES) continue;
      parts += 1;
      lines.push(content);
    }
  }
  const isCut = stack.length > 0;
  for (const open of stack.reverse()) {
    if (open.isRead || open.name === 'VCALENDAR') unfinished(open);
  }
  return { entries, calendars, ignored, isCut, problems };
}

function calendarLines(calendars: readonly ContentLine[][], { name, calendar }: Component) {
  return name === 'VCALENDAR' ? calendars[calendar] : undefined;
}

/** A broken file may have any text as a name, and the name is shown to people. */
function componentName(text: string): string {
  return oneLine(text, 64).toUpperCase();
}

export function linesOf(component: Component, name: string): readonly ContentLine[] {
  return component.lines.filter((line) => line.name === name);
}

export function lineOf(component: Component, name: string): ContentLine | undefined {
  return component.lines.find((line) => line.name === name);
}

export function propertyError({ line, name }: ContentLine, message: string): EntryError {
  return new EntryError('invalid_property', `has a ${name} that ${message}`, line);
}

/** The unparsed value of a property, or the empty text. */
export function rawValue({ lines }: Pick<Component, 'lines'>, name: string): string {
  const line = lines.find((found) => found.name === name);
  return line === undefined ? '' : valueOf(line);
}

/** Name and parameters; a quoted parameter may have a colon. */
const BEFORE_VALUE = /^(?:[^":]|"[^"]*")*:/;

export function valueOf({ text }: ContentLine): string {
  return text.slice(BEFORE_VALUE.exec(text)?.[0].length ?? text.indexOf(':') + 1).trim();
}
