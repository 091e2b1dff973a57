// Checks the types of SQLite column values.
import type { SQLOutputValue } from 'node:sqlite';

export function textOf(value: SQLOutputValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`expected text in the file, found ${typeof value}`);
}

export function bigintOf(value: SQLOutputValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(value);
  throw new TypeError(`expected an integer in the file, found ${typeof value}`);
}

export function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`expected bytes in the file, found ${typeof value}`);
}
