// A SQLite table as one list of fields. The list makes the columns, the values to insert and the rows read.
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Position } from '../../domain/core/positions.ts';
import type { EventRef } from '../../projections/read-model.ts';
import { damaged } from './made-from-log.ts';

type Cells = { readonly [at: number]: SQLOutputValue };

type Column = {
  readonly name: string;
  readonly type: 'TEXT' | 'INTEGER';
  /** What follows the type in the table's definition. */
  readonly constraint: string;
  /** Holds integers above 2^53, so rows are read with bigints. */
  readonly isWide: boolean;
};

/** How a field is stored: its columns, named after the field, and both directions. */
export type Field<T> = {
  readonly columns: (name: string) => readonly Column[];
  readonly write: (value: T, into: SQLInputValue[]) => void;
  /** Reads the cells from `at` on; `undefined` for a cell that was not written by `write`. */
  readonly read: (cells: Cells, at: number) => T | undefined;
};

export type Fields<T> = { readonly [Name in keyof T]-?: Field<T[Name]> };

export type Table<T> = {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns as `CREATE TABLE` lists them. */
  readonly definition: string;
  readonly isWide: boolean;
  readonly row: Field<T>;
  readonly values: (row: T) => SQLInputValue[];
  readonly read: (cells: Cells) => T;
};

/** Statements that return rows of type `T`. Each is finished when its method returns, except `iterate`. */
export type Query<T> = {
  readonly all: (...values: SQLInputValue[]) => T[];
  readonly get: (...values: SQLInputValue[]) => T | undefined;
  readonly iterate: (...values: SQLInputValue[]) => Generator<T, void, undefined>;
};

function field<T extends SQLInputValue>(
  type: Column['type'],
  read: (cell: SQLOutputValue | undefined) => T | undefined,
  isWide = false,
): Field<T> {
  return {
    columns: (name) => [{ name, type, constraint: ' NOT NULL', isWide }],
    write: pass,
    read: (cells, at) => read(cells[at]),
  };
}

function pass(value: SQLInputValue, into: SQLInputValue[]): void {
  into.push(value);
}

export const text = field('TEXT', (cell) => (typeof cell === 'string' ? cell : undefined));

/** A number that a double holds exactly. */
export const integer = field('INTEGER', safeInteger);

export const bigint = field(
  'INTEGER',
  (cell) => (typeof cell === 'bigint' ? cell : undefined),
  true,
);

function safeInteger(cell: SQLOutputValue | undefined): number | undefined {
  const number = typeof cell === 'bigint' ? Number(cell) : cell;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

export const flag: Field<boolean> = {
  columns: integer.columns,
  write: (value, into) => {
    into.push(value ? 1 : 0);
  },
  read: (cells, at) => {
    const number = safeInteger(cells[at]);
    return number === undefined ? undefined : number === 1;
  },
};

export function oneOf<const T extends string>(known: readonly T[]): Field<T> {
  return field('TEXT', (cell) => known.find((each) => each === cell));
}

/** `null` is NULL in every column of the field. */
export function nullable<T>(inner: Field<T>): Field<T | null> {
  const width = inner.columns('').length;
  return {
    columns: (name) => inner.columns(name).map((column) => ({ ...column, constraint: '' })),
    write: (value, into) => {
      if (value !== null) inner.write(value, into);
      else for (let at = 0; at < width; at += 1) into.push(null);
    },
    read: (cells, at) => (cells[at] === null ? null : inner.read(cells, at)),
  };
}

export function constrained<T>(inner: Field<T>, constraint: string): Field<T> {
  return {
    ...inner,
    columns: (name) => inner.columns(name).map((column) => ({ ...column, constraint })),
  };
}

/** An object whose fields have the columns `{name}_{field}`. */
export function group<T extends object>(fields: Fields<T>): Field<T> {
  return objectOf(fields, (name, part) => `${name}_${part}`);
}

/** An object whose fields have columns of their own names. */
export function record<T extends object>(fields: Fields<T>): Field<T> {
  return objectOf(fields, (_name, part) => part);
}

function objectOf<T extends object>(
  fields: Fields<T>,
  nameOf: (name: string, part: string) => string,
): Field<T> {
  const parts = partsOf(fields);
  const isWhole = (row: object): row is T => parts.every(({ name }) => name in row);
  return {
    columns: (name) => parts.flatMap((part) => part.columns(nameOf(name, snake(part.name)))),
    write: (value, into) => {
      for (const part of parts) part.write(value, into);
    },
    read: (cells, at) => {
      const row: Record<string, unknown> = {};
      for (const part of parts) {
        const value = part.read(cells, at + part.at);
        if (value === undefined) return undefined;
        row[part.name] = value;
      }
      return isWhole(row) ? row : undefined;
    },
  };
}

/** A field of an object, and where its columns begin among those of the object. */
type Part<T> = {
  readonly name: string;
  readonly at: number;
  readonly columns: Field<unknown>['columns'];
  readonly write: (row: T, into: SQLInputValue[]) => void;
  readonly read: (cells: Cells, at: number) => unknown;
};

function partsOf<T extends object>(fields: Fields<T>): readonly Part<T>[] {
  const parts: Part<T>[] = [];
  let at = 0;
  for (const name in fields) {
    const { columns, write, read } = fields[name];
    const writePart = (row: T, into: SQLInputValue[]): void => {
      write(row[name], into);
    };
    parts.push({ name, at, columns, read, write: writePart });
    at += columns('').length;
  }
  return parts;
}

export const position = group<Position>({ commit: bigint, prepare: bigint });

export const eventRef = group<EventRef>({ id: text, stream: text, revision: bigint });

/** @param values the same as `row.write`, ten times faster: it reads named properties. For tables with many writes. */
export function table<T>(
  name: string,
  row: Field<T>,
  values: (row: T) => SQLInputValue[] = (value) => written(row, value),
): Table<T> {
  const columns = row.columns(name);
  return {
    name,
    row,
    columns: columns.map((column) => column.name),
    definition: columns.map((it) => `${it.name} ${it.type}${it.constraint}`).join(', '),
    isWide: columns.some(({ isWide }) => isWide),
    values,
    read: (cells) => {
      const found = row.read(cells, 0);
      if (found !== undefined) return found;
      const held = columns.map((column, at) => `${column.name}: ${typeof cells[at]}`);
      throw damaged(`a row of the table ${name} is damaged (${held.join(', ')})`);
    },
  };
}

export function written<T>(field: Field<T>, value: T): SQLInputValue[] {
  const into: SQLInputValue[] = [];
  field.write(value, into);
  return into;
}

/** `SELECT` with the columns of a table, and then `rest`: from `FROM` on. */
export function query<T>(db: DatabaseSync, from: Table<T>, rest = '', before = ''): Query<T> {
  const statement = db.prepare(`${before} SELECT ${from.columns.join(', ')} ${rest}`);
  statement.setReturnArrays(true);
  statement.setReadBigInts(from.isWide);
  return {
    all: (...values) => statement.all(...values).map(from.read),
    get: (...values) => {
      const cells = statement.get(...values);
      return cells === undefined ? undefined : from.read(cells);
    },
    *iterate(...values) {
      for (const cells of statement.iterate(...values)) yield from.read(cells);
    },
  };
}

/** An `INSERT` of every column, by position. */
export function insertInto<T>({ name, columns }: Table<T>, verb = 'INSERT'): string {
  const marks = columns.map(() => '?').join(', ');
  return `${verb} INTO ${name} (${columns.join(', ')}) VALUES (${marks})`;
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A reader may see a file of an earlier format, until its owner upgrades it. */
export function hasTable(db: DatabaseSync, name: string): boolean {
  const found = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return found.get(name) !== undefined;
}
