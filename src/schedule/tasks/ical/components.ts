// Splits an iCalendar stream (RFC 5545) into components and content lines. Not recursive, and every size
// is bounded, so the cost of a hostile file is linear in its size.
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import { oneLine } from '../../../domain/core/text.ts';

export type ContentLine = { readonly line: number; readonly name: string; readonly text: string };

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
  /** How many components of each other kind there are. */
  readonly ignored: ReadonlyMap<string, number>;
  readonly problems: readonly Omit<EntryProblem, 'file'>[];
};

const MAX_DEPTH = 16;
/** Longer properties are attachments; they are not read. */
const MAX_LINE_CHARS = 64 * 1024;
const MAX_ENTRY_LINES = 20_000;
const READ: ReadonlySet<string> = new Set(['VTODO', 'VEVENT', 'VTIMEZONE']);
const NESTED: ReadonlySet<string> = new Set([...READ, 'VALARM', 'STANDARD', 'DAYLIGHT']);

type OpenComponent = Component & {
  readonly lines: ContentLine[];
  readonly children: Component[];
  /** True for an entry that is read, and for its subcomponents. */
  readonly isRead: boolean;
};

/** Splits a file's text. Components that do not nest are reported; the rest is read. */
export function readComponents(text: string): Components {
  const entries: Component[] = [];
  const calendars: ContentLine[][] = [[]];
  const ignored = new Map<string, number>();
  const problems: Omit<EntryProblem, 'file'>[] = [];
  const stack: OpenComponent[] = [];
  let tooDeep = 0;
  let current = 0;

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
      if (open.lines.length <= MAX_ENTRY_LINES) entries.push(open);
      else report(open.line, name, 'entry_too_large', `has more than ${MAX_ENTRY_LINES} lines`);
    } else stack.at(-1)?.children.push(open);
  };

  for (const content of contentLines(text)) {
    const { line, name } = content;
    const parent = stack.at(-1);
    if (name === 'BEGIN') {
      const component = componentName(content.text.slice(6));
      if (stack.length >= MAX_DEPTH) {
        tooDeep += 1;
        continue;
      }
      if (component === 'VCALENDAR') current = calendars.push([]) - 1;
      const isRead = READ.has(component) || (parent?.isRead === true && NESTED.has(component));
      if (!isRead && component !== 'VCALENDAR') {
        ignored.set(component, (ignored.get(component) ?? 0) + 1);
      }
      const open = { name: component, line, lines: [], children: [], calendar: current, isRead };
      stack.push(open);
    } else if (name === 'END') {
      if (tooDeep > 0) {
        tooDeep -= 1;
        const message = `are nested deeper than ${MAX_DEPTH} levels`;
        if (tooDeep === 0) report(line, 'VCALENDAR', 'too_deep', message);
        continue;
      }
      end(componentName(content.text.slice(4)), line);
    } else if (tooDeep === 0 && parent?.isRead === true) {
      if (parent.lines.length <= MAX_ENTRY_LINES) parent.lines.push(content);
    } else if (parent?.name === 'VCALENDAR') calendars[parent.calendar]?.push(content);
  }
  for (const open of stack.reverse()) {
    if (open.isRead || open.name === 'VCALENDAR') unfinished(open);
  }
  return { entries, calendars, ignored, problems };
}

/** A broken file may have any text as a name, and the name is shown to people. */
function componentName(text: string): string {
  return oneLine(text, 64).toUpperCase();
}

/** Unfolds content lines: a line that begins with a space or a tab continues the line before it. */
function* contentLines(text: string): Generator<ContentLine, void, undefined> {
  let parts: string[] = [];
  let length = 0;
  let began = 1;
  let line = 0;
  const flush = function* (): Generator<ContentLine, void, undefined> {
    if (parts.length === 0) return;
    const whole = parts.join('');
    const name = /^[A-Za-z0-9-]+/.exec(whole)?.[0].toUpperCase();
    // A line that is too long is not cut: its value would be wrong. It counts as no property.
    if (name !== undefined && length <= MAX_LINE_CHARS) yield { line: began, name, text: whole };
    else if (whole.trim() !== '') yield { line: began, name: '', text: whole.slice(0, 80) };
  };
  const endings = /\r\n|\n|\r/g;
  for (let at = 0; at < text.length;) {
    endings.lastIndex = at;
    const ending = endings.exec(text);
    const stop = ending?.index ?? text.length;
    const raw = text.slice(at, stop);
    at = stop + (ending?.[0].length ?? 0);
    line += 1;
    if (raw.startsWith(' ') || raw.startsWith('\t')) {
      length += raw.length - 1;
      if (length <= MAX_LINE_CHARS) parts.push(raw.slice(1));
      continue;
    }
    yield* flush();
    parts = raw === '' ? [] : [raw.slice(0, MAX_LINE_CHARS)];
    length = raw.length;
    began = line;
  }
  yield* flush();
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
