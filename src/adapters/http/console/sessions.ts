// Who uses the console: sessions in memory, begun by a token or by a link that works once. A session of a token ends
// when the token is revoked; all end with the process.
import { createHash, randomBytes } from 'node:crypto';
import type { Notice } from '../../../console/markup.ts';
import type { Scope } from '../../../domain/access/scopes.ts';
import type { Caller } from '../endpoint/caller.ts';

export type Session = {
  readonly caller: Caller;
  /** Proves that a form comes from a page of this session. */
  readonly csrf: string;
  /** The result of the last action, which is shown once. */
  readonly takeNotice: () => Notice | undefined;
  readonly setNotice: (notice: Notice) => void;
  readonly end: () => void;
};

type Entry = {
  readonly verify: () => Promise<Caller | undefined>;
  readonly csrf: string;
  readonly until: number;
  notice: Notice | undefined;
};

/** A session without a sign-out ends after this time. */
const SESSION_MS = 12 * 3_600_000;
/** A link that nobody opens works for so long. */
const LINK_MS = 15 * 60_000;
/** The oldest session ends when there are more. */
const MAX_SESSIONS = 1_000;

const OPERATOR: Caller = { id: 'console', scopes: ['console:read', 'console:act'] };

/** @param now milliseconds that never run backwards */
export function createSessions(now: () => number) {
  const sessions = new Map<string, Entry>();
  const links = new Map<string, number>();

  const begin = (verify: Entry['verify']): string => {
    const id = secret();
    sessions.set(keyOf(id), {
      verify,
      csrf: secret(),
      until: now() + SESSION_MS,
      notice: undefined,
    });
    const [oldest] = sessions.keys();
    if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
    return id;
  };

  return {
    /** The secret of a link that begins one session. */
    link(): string {
      const key = secret();
      links.set(keyOf(key), now() + LINK_MS);
      return key;
    },
    /** Begins the session of a link, once. Returns the session's id. */
    enterByLink(key: string): string | undefined {
      const until = links.get(keyOf(key));
      links.delete(keyOf(key));
      if (until === undefined || until <= now()) return undefined;
      return begin(() => Promise.resolve(OPERATOR));
    },
    /** Begins a session of a token that has the scope `console:read`. Returns the session's id. */
    async enter(verify: Entry['verify']): Promise<string | undefined> {
      return mayRead(await verify()) ? begin(verify) : undefined;
    },
    async find(id: string | undefined): Promise<Session | undefined> {
      const key = id === undefined ? '' : keyOf(id);
      const entry = sessions.get(key);
      if (entry === undefined) return undefined;
      const caller = entry.until > now() ? await entry.verify() : undefined;
      if (!mayRead(caller)) {
        sessions.delete(key);
        return undefined;
      }
      return {
        caller,
        csrf: entry.csrf,
        takeNotice: () => {
          const { notice } = entry;
          entry.notice = undefined;
          return notice;
        },
        setNotice: (notice) => {
          entry.notice = notice;
        },
        end: () => {
          sessions.delete(key);
        },
      };
    },
  };
}

export function may({ scopes }: Caller, scope: Scope): boolean {
  return scopes.includes(scope);
}

function mayRead(caller: Caller | undefined): caller is Caller {
  return caller?.userId === undefined && caller !== undefined && may(caller, 'console:read');
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

/** Sessions are found by a hash: the time of a look-up tells nothing about the secret. */
function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
