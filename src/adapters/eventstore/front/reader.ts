// One reader of the log, and what is needed to serve it.
import type { EmbeddedEngine } from '../embedded/open.ts';
import type { ReaderChannel } from './reader-channel.ts';
import type { Like } from './server-version.ts';

export type Reader = Pick<EmbeddedEngine, 'rows' | 'commits'> & {
  readonly like: Like;
  readonly scavengedTo: () => bigint;
  readonly out: ReaderChannel;
  /** Aborted when the server closes: subscriptions end then. */
  readonly closing: AbortSignal;
};
