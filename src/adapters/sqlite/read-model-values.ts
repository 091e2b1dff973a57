// The projections' types as the values of a row, in the order of the table's columns.
import type { SQLInputValue } from 'node:sqlite';
import type {
  Checkpoint,
  ControlRow,
  SentNotification,
  ParkedRow,
  RecentMessageRow,
  VerdictRow,
} from '../../projections/read-model.ts';

/** The columns of `checkpoint` from `store_id` on. */
export function checkpointValues(checkpoint: Checkpoint): SQLInputValue[] {
  const { position, counts } = checkpoint;
  return [
    checkpoint.storeId,
    checkpoint.output,
    position.commit,
    position.prepare,
    checkpoint.lastEvent?.id ?? null,
    checkpoint.lastEvent?.stream ?? null,
    checkpoint.lastEvent?.revision ?? null,
    checkpoint.ruleset,
    checkpoint.ordinal,
    checkpoint.sequence,
    checkpoint.digest,
    counts.events,
    counts.triggered,
    counts.published,
    counts.suppressed,
    counts.parked,
    counts.unknown,
  ];
}

/** The columns of `notices`. */
export function noticeValues(notice: SentNotification): SQLInputValue[] {
  return [
    notice.id,
    notice.mock ? 1 : 0,
    notice.user,
    notice.triggerType,
    notice.windowStart,
    notice.requestedAt,
    notice.recordedAt,
    notice.severity,
    notice.bypass ? 1 : 0,
    notice.released ? 1 : 0,
    notice.releases,
    notice.heldAt,
  ];
}

/** What can change of a notice, and then which notice it is. */
export function amendedValues(notice: SentNotification): SQLInputValue[] {
  const { user, triggerType, mock, id } = notice;
  return [
    notice.released ? 1 : 0,
    notice.releases,
    notice.heldAt,
    user,
    triggerType,
    mock ? 1 : 0,
    id,
  ];
}

/** The columns of `verdicts`. */
export function verdictValues(verdict: VerdictRow): SQLInputValue[] {
  return [
    verdict.event,
    verdict.position.commit,
    verdict.position.prepare,
    verdict.stream,
    verdict.revision,
    verdict.ruleset,
    verdict.user,
    verdict.triggerType,
    verdict.windowStart,
    verdict.verdict,
    verdict.reason,
    verdict.basis,
    verdict.messageId,
    verdict.sequence,
  ];
}

/** The columns of `tail`. */
export function tailValues(tail: RecentMessageRow): SQLInputValue[] {
  return [
    tail.sequence,
    tail.ordinal,
    tail.source,
    tail.position.commit,
    tail.position.prepare,
    tail.stream,
    tail.revision,
    tail.rule,
    tail.ruleset,
    tail.id,
    tail.digest,
    tail.recordedAt,
  ];
}

/** The columns of `parked`. */
export function parkedValues(parked: ParkedRow): SQLInputValue[] {
  return [
    parked.event,
    parked.position.commit,
    parked.position.prepare,
    parked.stream,
    parked.revision,
    parked.type,
    parked.code,
    parked.detail,
    parked.ruleset,
  ];
}

/** The columns of `control`. */
export function controlValues(control: ControlRow): SQLInputValue[] {
  const { event, position, revision, type, digest } = control;
  return [event, position.commit, position.prepare, revision, type, digest];
}
