// What can be asked of a due job.
import type { Instant } from '../../domain/core/instants.ts';
import type { Subject } from './stream.ts';

/** The subject is as its owner has it now: when to look at it, or why never. */
export type Watch = {
  readonly kind: 'watch';
  readonly subject: Subject;
  /** Same facts, same text; up to 64 characters. */
  readonly seen: string;
} & (
  | { readonly at: Instant }
  /** Nothing to wait for, and why. */
  | { readonly at: undefined; readonly code: string }
);

/** Something that may have stood in a job's way has changed, or is gone. */
export type Recheck = {
  readonly kind: 'recheck';
  readonly subject: Subject;
  readonly what: string;
  /** How it looks now; absent, it is gone. */
  readonly seen: string | undefined;
};

/** Somebody calls a job off; it stays off until its subject changes. */
export type CancelDueJob = {
  readonly subject: Subject;
  readonly code: string;
  readonly detail?: string | undefined;
};

/** What looking at a due subject has found, short of something to raise. */
export type Finding =
  | {
      readonly kind: 'defer';
      readonly code: string;
      readonly until: Instant;
      readonly seen: string;
    }
  | { readonly kind: 'cancel'; readonly code: string; readonly seen: string }
  | {
      readonly kind: 'skip';
      readonly code: string;
      readonly detail?: string | undefined;
      readonly seen: string;
      /** What stood in the way; when it changes, the job is looked at again. */
      readonly because?: { readonly what: string; readonly seen: string } | undefined;
      readonly lookAgainAt?: Instant | undefined;
    }
  /** It could not be looked at; tried again with backoff. */
  | { readonly kind: 'fail'; readonly code: string; readonly detail?: string | undefined };

/** A trigger was raised, or was there already. */
export type Triggered = {
  readonly kind: 'triggered';
  readonly triggerId: string;
  readonly duplicate: boolean;
  readonly seen: string;
};

/** The outcome of a look, for the job as it was when the look began. */
export type SettleDueJob = {
  /** What was looked at: for a job that has moved on meanwhile the finding says nothing. */
  readonly round: number;
  readonly triggerAt: Instant;
  readonly finding: Finding | Triggered;
  /** 0 <= x < 1, for the jitter of a retry. */
  readonly random: number;
};
