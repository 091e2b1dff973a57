// Judges whether the projector has sent a message. Anybody who may publish into the stream can name a request of the log,
// also one that was suppressed or muted, and can compute its id.
import { comparePositions } from '../../../domain/core/positions.ts';
import { GENESIS_DIGEST, nextDigest } from '../../../projections/dedupe/messages.ts';
import { isSigned, type MessageKeys } from '../../../projections/message-signature.ts';
import type { ControlState } from '../../../domain/control/state.ts';
import type { StoredMessage } from '../../../projections/output.ts';
import { identityIn, type MessageIdentity } from '../../../projections/publisher/sequence-map.ts';
import type { LetThrough } from '../../../projections/audit/reading/ports.ts';
import type { FoundRequest } from './read-request.ts';
import type { RequestMessage } from './request-queue.ts';

/** What can prove a message; each part may be absent. */
export type Evidence = {
  /** The keys that projector and worker share. */
  readonly keys?: MessageKeys | undefined;
  /** The verdicts of a projection that folds the same log. */
  readonly letThrough?: LetThrough | undefined;
};

/** Why a message is not sent: a stable code. */
export type Forgery = 'not_let_through' | 'not_signed' | 'not_in_chain';

/** `undecided`: the projection has not reached the request. */
export type Judgement = 'genuine' | 'undecided' | Forgery;

/** The control stream as it is now; read only where it matters. */
export type ReadControl = () => Promise<ControlState>;

/**
 * The signature proves a message at once. Without one, the verdict in the log does; where no projection can be asked, its
 * place in the chain of messages does, and whoever may read the stream can forge that.
 *
 * @param mayWait false: the projection was waited for in vain, and the other evidence decides
 */
export async function judge(
  message: RequestMessage,
  found: FoundRequest,
  evidence: Evidence,
  readControl: ReadControl,
  mayWait: boolean,
): Promise<Judgement> {
  const { keys, letThrough } = evidence;
  if (keys !== undefined && isSigned(message.headers, keys)) return 'genuine';
  const verdict = letThrough && (await verdictOf(found, letThrough, readControl));
  if (verdict === 'let_through') return 'genuine';
  if (verdict === 'held_back') return 'not_let_through';
  if (verdict === 'undecided' && mayWait) return 'undecided';
  if (keys !== undefined) return 'not_signed';
  return (await isInChain(message, readControl)) ? 'genuine' : 'not_in_chain';
}

async function verdictOf(
  { notificationId, event }: FoundRequest,
  letThrough: LetThrough,
  readControl: ReadControl,
): Promise<'let_through' | 'held_back' | 'undecided'> {
  const verdict = letThrough.verdictOfMessage(notificationId);
  // Without a sequence it was never sent: an operator has chosen to send only later messages.
  if (verdict?.verdict === 'published')
    return verdict.sequence === null ? 'held_back' : 'let_through';
  const reached = letThrough.checkpoint();
  if (reached === undefined || comparePositions(reached.position, event.position) < 0) {
    return 'undecided';
  }
  const { storeId, released, retried } = await readControl();
  // The verdicts of another log, or a later verdict counts.
  const isOpen = storeId !== reached.storeId || [...released, ...retried].includes(event.id);
  return isOpen ? 'undecided' : 'held_back';
}

/** Messages before it that are searched: others may have taken places between, and a refused one comes late. */
const SEARCHED = 4_096n;
const READ_AT_ONCE = 64n;

/** True when the message before it in the chain is where it can be, or is no longer in the stream. */
async function isInChain(message: RequestMessage, readControl: ReadControl): Promise<boolean> {
  const { sequence, headers, readAt } = message;
  // A queue that only its owner can write.
  if (readAt === undefined) return true;
  const own = identityIn(headers);
  if (own === undefined) return false;
  if (own.ordinal === 1n && own.digest === nextDigest(GENESIS_DIGEST, own.id)) {
    const { output } = await readControl();
    return output === undefined || sequence === output.base + 1n;
  }
  for (let to = sequence - 1n; to > 0n && sequence - to <= SEARCHED; to -= READ_AT_ONCE) {
    const count = to < READ_AT_ONCE ? to : READ_AT_ONCE;
    const sequences = Array.from({ length: Number(count) }, (_, index) => to - BigInt(index));
    const before = await Promise.all(sequences.map((each) => readAt(each)));
    // A limit of the stream has discarded what could prove it.
    if (to === sequence - 1n && before[0] === undefined) return true;
    if (before.some((each) => isLinked(each, own))) return true;
  }
  return false;
}

function isLinked(stored: StoredMessage | undefined, own: MessageIdentity): boolean {
  const before = stored && identityIn(stored.headers);
  if (before === undefined || before.ordinal !== own.ordinal - 1n) return false;
  return nextDigest(before.digest, own.id) === own.digest;
}
