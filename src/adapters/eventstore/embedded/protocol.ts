// The messages between the store and its writing thread.
import type { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { FileSpace, StreamEnd } from '../../../domain/ports/stream-remover.ts';
import { positionOf } from '../common/revisions.ts';

export type WriterSettings = {
  readonly file: string;
  /** Simulates a full disk at this many pages; for tests. */
  readonly maxPages?: number | undefined;
  /** How many committed ids to remember for appends without an expected revision; default 0. */
  readonly rememberIds?: number | undefined;
};

/** True for the copy of {@link WriterSettings} that the thread receives. */
export function isWriterSettings(value: unknown): value is WriterSettings {
  return (
    typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string'
  );
}

/** `group` is one of group.ts. */
export type ToWriter =
  | { readonly kind: 'append'; readonly group: Uint8Array }
  | { readonly kind: 'close' }
  /** `n` pairs it with its answer. */
  | { readonly kind: 'upkeep'; readonly n: number; readonly work: Upkeep };

/** What the owner of the file does to it besides appends. */
export type Upkeep =
  | { readonly kind: 'remove'; readonly groups: readonly (readonly StreamEnd[])[] }
  | { readonly kind: 'shrink' };

export type UpkeepResult =
  | { readonly kind: 'removed'; readonly groups: readonly boolean[] }
  | { readonly kind: 'space'; readonly space: FileSpace | undefined }
  | { readonly kind: 'failed'; readonly message: string };

export type FromWriter =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'failed';
      readonly error: Pick<TocsinError, 'kind' | 'code' | 'message' | 'hint'>;
    }
  | ({ readonly kind: 'answers' } & PackedAnswers)
  | { readonly kind: 'upkeep'; readonly n: number; readonly result: UpkeepResult };

/** The answer to the append with a number. */
export type Answer = { readonly n: number; readonly result: AppendResult };

/** Answers as few values, because most are alike. */
export type PackedAnswers = {
  /** Number, revision and position of each `appended`. */
  readonly appended: BigInt64Array;
  readonly others: readonly Answer[];
};

export function packAnswers(answers: readonly Answer[]): PackedAnswers {
  const numbers: bigint[] = [];
  const others: Answer[] = [];
  for (const answer of answers) {
    const { n, result } = answer;
    if (result.outcome === 'appended') {
      numbers.push(BigInt(n), result.revision, result.position.commit);
    } else others.push(answer);
  }
  return { appended: BigInt64Array.from(numbers), others };
}

export function unpackAnswers({ appended, others }: PackedAnswers): readonly Answer[] {
  const answers = [...others];
  for (let i = 0; i < appended.length; i += 3) {
    const [n = 0n, revision = 0n, position = 0n] = appended.subarray(i, i + 3);
    const result: AppendResult = { outcome: 'appended', revision, position: positionOf(position) };
    answers.push({ n: Number(n), result });
  }
  return answers;
}
