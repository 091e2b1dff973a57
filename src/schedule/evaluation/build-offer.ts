// Builds the offer for a diagnosis: a candidate, a summary, and a snapshot of the timetable.
import { formatInstant } from '../../domain/core/instants.ts';
import { cleanText } from '../../domain/core/text.ts';
import type { Json } from '../../domain/core/json.ts';
import type { Offer } from '../../domain/trigger/evaluation.ts';
import type { Candidate } from '../../domain/preview/candidates.ts';
import type { ScheduledBlock } from '../tasks/task-source.ts';
import { reasonText, type ScheduleTexts } from '../texts.ts';
import type { RaiseRequest } from '../../domain/trigger/commands.ts';
import { HORIZON_MS, type TargetFacts, type Diagnosis } from './diagnose.ts';
import type { Slot } from './slot-table.ts';

const MAX_ENTRIES = 200;

export function buildOffer(
  request: RaiseRequest,
  facts: TargetFacts,
  diagnosis: Diagnosis,
  kind: Offer['kind'],
  texts: ScheduleTexts,
): Offer {
  const title = facts.about === 'task' ? facts.task?.title : facts.block?.title;
  const { issue, metrics, chosen = [] } = diagnosis;
  const summary = reasonText(texts, issue, title);
  const candidate = candidateOf(request, facts, diagnosis, kind, summary);
  const before = facts.blocks.slice(0, MAX_ENTRIES).map((block) => entry('unchanged', block));
  const added = candidate.changes.map(({ targetId, startAt, endAt }) =>
    entry('added', { title: title ?? '', blockId: targetId, startAt, endAt }),
  );
  const snapshot: Json = {
    reason: issue,
    explanation: summary,
    decision: { action: kind, reasonCode: issue, shouldNotify: true },
    issues: [{ code: issue, severity: kind === 'question' ? 'warning' : 'critical' }],
    metrics,
    window: { from: formatInstant(facts.now), to: formatInstant(facts.now + HORIZON_MS) },
    slots: chosen.map(({ day, section }) => ({ day, section })),
    before: { entries: before },
    after: { entries: [...before, ...added] },
    // A proposal only adds an entry, so no existing entry is at risk.
    risk: { level: 'low', affected: [] },
    missing: missingOf(facts, diagnosis),
  };
  const offered = { outcome: 'offer', kind, summary, candidates: [candidate], snapshot } as const;
  return { ...offered, candidateId: candidate.candidateId };
}

function candidateOf(
  { targetId }: RaiseRequest,
  facts: TargetFacts,
  { issue, chosen }: Diagnosis,
  kind: Offer['kind'],
  summary: string,
): Candidate {
  const [first] = chosen ?? [];
  const last = chosen?.at(-1);
  if (first === undefined || last === undefined) {
    const type = kind === 'question' ? 'ask_user' : 'notify_only';
    const candidateId = `${type}:${issue}:${targetId}`;
    return { candidateId, type, score: 0, summary, changes: [] };
  }
  const isTask = facts.about === 'task';
  const type = isTask ? 'add_task_pool_to_schedule' : 'create_makeup';
  const candidateId = `${type}:${targetId}:${first.day}:${first.section}`;
  const taskId = isTask ? targetId : (facts.block?.taskId ?? targetId);
  return {
    candidateId,
    type,
    score: (isTask ? 100 : 90) - first.section,
    summary,
    changes: [changeOf(candidateId, taskId, first, last)],
  };
}

function changeOf(candidateId: string, targetId: string, first: Slot, last: Slot) {
  return {
    changeId: `${candidateId}:chg_1`,
    type: 'add',
    targetType: 'task_pool',
    targetId,
    startAt: first.startAt,
    endAt: last.endAt,
    editable: true,
  };
}

function entry(
  status: 'unchanged' | 'added',
  block: Pick<ScheduledBlock, 'title' | 'blockId' | 'startAt' | 'endAt'>,
) {
  const { blockId: id, startAt, endAt } = block;
  const title = cleanText(block.title, 200) ?? '';
  return { id, title, status, startAt: formatInstant(startAt), endAt: formatInstant(endAt) };
}

/** The facts that a proposal would need. */
function missingOf(facts: TargetFacts, { issue }: Diagnosis): readonly string[] {
  if (issue === 'no_valid_time_window') {
    return facts.about === 'task' && facts.task === undefined ? ['task'] : ['time_window'];
  }
  if (issue !== 'feedback_target_unknown' || facts.about !== 'feedback') return [];
  const target = facts.block === undefined ? ['scheduled_block'] : [];
  return facts.isIdentified ? target : [...target, 'feedback_id'];
}
