// The parts that the console shows and changes.
import type { HealthView } from '../../../console/pages/now.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import type { Tokens } from '../../../kernel/access/tokens.ts';
import type { Channels } from '../../../kernel/channels/channels.ts';
import type { Audit } from '../../../kernel/create-audit.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import type { Kernel } from '../../../kernel/open-kernel.ts';
import type { Parked } from '../../../kernel/parked.ts';
import type { UserId } from '../../../domain/core/identity.ts';
import type { Forgotten } from '../../../kernel/sealing/forget.ts';
import type { TreeHead } from '../../../projections/notary/head.ts';
import type { PublishedKeys } from '../../../projections/notary/keys.ts';

/** An audit that its user closes, such as that of `tocsin.audit()`. */
export type OpenedAudit = Audit & AsyncDisposable;

/** What a notary has given away. Of a file of heads: `{ head: async () => (await readHeads(file, keys)).last }`. */
export type NotaryView = {
  /** The newest signed head; `undefined` when there is none yet. Each story page asks for it. */
  readonly head: () => TreeHead | undefined | Promise<TreeHead | undefined>;
  /** The keys of the notary: a proof has them, and a head that none of them has signed is refused. */
  readonly keys?: () => PublishedKeys | undefined;
};

/** Forgets a user: `(userId, { actor }) => forgetUser({ …parts, actor }, userId)`. */
export type Forget = (userId: UserId, call: { readonly actor: string }) => Promise<Forgotten>;

/** The parts of the console. */
export type ConsoleOptions = {
  readonly kernel: Pick<Kernel, 'policies'>;
  /** The log, for the browser of streams. Personal parts of events are not shown. */
  readonly store: Pick<EventStore, 'readStream' | 'readAll'>;
  /** The kernel's name, the first part of all stream names. Default `tocsin`. */
  readonly name?: string;
  /** Opens an audit; each page closes its own. Of `openTocsin`: `() => tocsin.audit()`. */
  readonly audit: () => OpenedAudit | Promise<OpenedAudit>;
  /** Who may sign in: holders of a token with the scope `console:read`; `console:act` for changes. */
  readonly tokens: Pick<Tokens, 'verify'>;
  /** Absent: the page of deliveries says that there is no list. */
  readonly deliveries?: Deliveries;
  /** Absent: no event can be retried or dropped here. */
  readonly parked?: Parked;
  /** Absent: the page of a user shows no channels. */
  readonly channels?: Pick<Channels, 'list'> | undefined;
  /** Absent: the page of a story offers no proof. */
  readonly notary?: NotaryView | undefined;
  /** Absent, as without a vault: the page of a user shows the command instead. */
  readonly forget?: Forget | undefined;
  /** The trigger types, for filters and policies. */
  readonly types?: readonly string[];
  /** Absent: the first page shows no health. */
  readonly health?: () => HealthView | Promise<HealthView>;
  /** The path at which your server mounts the console. Default `/console`. */
  readonly basePath?: string;
  /**
   * Names by which browsers may reach it, besides `localhost` and addresses of digits: those of your proxy, such as
   * `ops.example.com`. With `https://` before the name, the cookie of a session is sent over TLS only. Headers such as
   * `X-Forwarded-Host` are never read.
   */
  readonly hosts?: readonly string[];
  /** False when the output stream cannot be read: then the console offers no verify. Default true. */
  readonly canVerify?: boolean;
  readonly logger?: Logger;
};

/** The console; any server that takes a `fetch` handler can mount it. Dispose it: it has a timer and open feeds. */
export type ConsoleApp = Disposable & {
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * A path with a secret that begins one session with all rights, once, within 15 minutes. Give it to nobody but the
   * operator at this machine.
   */
  readonly oneTimePath: () => string;
};
