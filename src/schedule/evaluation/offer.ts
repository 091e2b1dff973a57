// From what was observed to what is offered: candidates, words, and a snapshot that a reader understands
// later, when all of it may have changed.
import { formatInstant } from '../../domain/core/instants.ts';
import { cleanText } from '../../domain/core/text.ts';
import type { Json } from '../../domain/core/json.ts';
import type { Offer } from '../../domain/trigger/evaluation.ts';
import type { Candidate } from '../../domain/preview/candidates.ts';
import type { ScheduledBlock } from '../tasks/task-source.ts';
import { reasonText, type ScheduleTexts } from '../texts.ts';
import type { RaiseRequest } from '../../domain/trigger/commands.ts';
import { OBSERVATION_MS, type Facts, type Observation } from './observe.ts';
import type { Slot } from './slots.ts';

/** Entries of the timetable that a snapshot shows. */
const MAX_ENTRIES = 200;

/** The offer that an observation which tells of something leads to. */
export function offerOf(
  request: RaiseRequest,
  facts: Facts,
  observation: Observation,
  kind: Offer['kind'],
  texts: ScheduleTexts,
): Offer {
  const title = facts.about === 'task' ? facts.task?.title : facts.block?.title;
  const { issue, metrics, run = [] } = observation;
  const summary = reasonText(texts, issue, title);
  const candidate = candidateOf(request, facts, observation, kind, summary);
  const before = facts.blocks.slice(0, MAX_ENTRIES).map((block) => entry('unchanged', block));
  const added = candidate.changes.map(({ targetId, startAt, endAt }) =>
    entry('added', { title: title ?? '', blockId: targetId, startAt, endAt }),
  );
  const snapshot: Json = {
    reason: issue,
    explanation: summary,
    decision: { action: kind, reasonCode: issue, shouldNotify: true },
    issues: [{ code: issue, severity: severityOf(kind) }],
    metrics,
    window: { from: formatInstant(facts.now), to: formatInstant(facts.now + OBSERVATION_MS) },
    slots: run.map(({ day, section }) => ({ day, section })),
    before: { entries: before },
    after: { entries: [...before, ...added] },
    // Nothing that stands in the timetable is moved, so nothing else is put at risk.
    risk: { level: 'low', affected: [] },
    missing: missingOf(facts, observation),
  };
  const offered = { outcome: 'offer', kind, summary, candidates: [candidate], snapshot } as const;
  return { ...offered, candidateId: candidate.candidateId };
}

function candidateOf(
  { targetId }: RaiseRequest,
  facts: Facts,
  { issue, run }: Observation,
  kind: Offer['kind'],
  summary: string,
): Candidate {
  const [first] = run ?? [];
  const last = run?.at(-1);
  if (first === undefined || last === undefined) {
    const candidateId = `${kind === 'question' ? 'ask_user' : 'notify_only'}:${issue}:${targetId}`;
    const type = kind === 'question' ? 'ask_user' : 'notify_only';
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

function severityOf(kind: Offer['kind']): string {
  return kind === 'question' ? 'warning' : 'critical';
}

/** What would have to be known for a proposal. */
function missingOf(facts: Facts, { issue }: Observation): readonly string[] {
  if (issue === 'no_valid_time_window') {
    return facts.about === 'task' && facts.task === undefined ? ['task'] : ['time_window'];
  }
  if (issue !== 'feedback_target_unknown' || facts.about !== 'feedback') return [];
  const target = facts.block === undefined ? ['scheduled_block'] : [];
  return facts.isIdentified ? target : [...target, 'feedback_id'];
}
