// What the handlers of all calls share.
import type { EmbeddedEngine } from '../embedded/open.ts';
import { WRITE_TIMEOUT_MS } from './limits.ts';
import type { Like } from './server-version.ts';

export type FrontContext = {
  readonly engine: EmbeddedEngine;
  readonly like: Like;
  /** An append that is not written within this time is answered as timed out. */
  readonly writeTimeoutMs: number;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
};

/** A server gives a write two seconds. */
const SERVER_WRITE_MS = 2_000;

export function frontContext(
  engine: EmbeddedEngine,
  like: Like,
  closing: AbortSignal,
): FrontContext {
  const writeTimeoutMs = like === undefined ? WRITE_TIMEOUT_MS : SERVER_WRITE_MS;
  return { engine, like, writeTimeoutMs, closing };
}
