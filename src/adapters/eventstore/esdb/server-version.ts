// The version that a server names, and whether Tocsin can rely on it.
import { CallError, STATUS } from './call-error.ts';
import type { Link } from './link.ts';

/** @returns `undefined` for servers before version 21, which have no such call. @throws CallError */
export async function serverVersion(link: Link, timeoutMs: number): Promise<string | undefined> {
  try {
    return await link.version(timeoutMs);
  } catch (error) {
    if (error instanceof CallError && error.code === STATUS.unimplemented) return undefined;
    throw error;
  }
}
