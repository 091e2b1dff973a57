// Evaluates the product's triggers over a task source: reads the target and the free slots, and decides.
import { createHash } from 'node:crypto';
import type { Instant } from '../../domain/core/instants.ts';
import { canonicalJson, isJsonObject, parseJson } from '../../domain/core/json.ts';
import { actionOf, diagnose, HORIZON_MS, type TargetFacts, type Diagnosis } from './diagnose.ts';
import { buildOffer } from './build-offer.ts';
import { DEFAULT_SLOT_TABLE, slotsBetween, type SlotTable } from './slot-table.ts';
import type { ApplyRequest } from '../../domain/preview/apply.ts';
import type { Evaluation } from '../../domain/trigger/evaluation.ts';
import type { LaterEvaluator } from '../../domain/ports/evaluator.ts';
import type { TaskSource } from '../tasks/task-source.ts';
import { scheduleTexts, type ScheduleTexts } from '../texts.ts';
import type { RaiseRequest } from '../../domain/trigger/commands.ts';

export type TaskEvaluatorOptions = {
  readonly source: Pick<TaskSource, 'task' | 'block' | 'blocks'>;
  /** Default: twelve sections a day in Asia/Shanghai. */
  readonly slots?: SlotTable;
  /** Default: English. */
  readonly texts?: ScheduleTexts;
};

export type TaskEvaluator = {
  readonly evaluate: LaterEvaluator;
  /**
   * The base version that a preview of this evaluator would have now. An apply port compares it with the
   * request's, inside its own transaction if it can, and refuses with `base_version_changed`.
   */
  readonly baseVersion: (
    request: Pick<ApplyRequest, 'userId' | 'triggerType' | 'targetType' | 'targetId' | 'snapshot'>,
  ) => Promise<string>;
};

/** Blocks are read by their start; a longer block that began earlier is missed. */
const LONGEST_BLOCK_MS = 24 * 60 * 60 * 1000;

/**
 * Evaluates {@link scheduleTriggers} over a task source: offers a proposal with slots of the timetable, a
 * question where the target is unknown, a reminder where nothing can be proposed, and closes triggers
 * whose target is completed or scheduled. Other types and targets are rejected, with a reason.
 */
export function taskEvaluator(options: TaskEvaluatorOptions): TaskEvaluator {
  const { source, slots = DEFAULT_SLOT_TABLE, texts = scheduleTexts.en } = options;
  return {
    async evaluate(request, context) {
      const rejected = rejectUnsupported(request);
      if (rejected !== undefined) return rejected;
      const now = request.mockNow ?? context.now;
      const facts = await readFacts(source, slots, request, now);
      context.signal.throwIfAborted();
      const diagnosis = diagnose(facts);
      return evaluationOf(request, facts, diagnosis, texts);
    },
    async baseVersion({ snapshot, ...request }) {
      const now = windowStartOf(snapshot);
      // The preview is not of this evaluator; this value equals no base version.
      if (Number.isNaN(now)) return 'unknown';
      return baseVersionOf(request, await readFacts(source, slots, request, now));
    },
  };
}

type Target = Pick<RaiseRequest, 'userId' | 'triggerType' | 'targetId'> & {
  readonly targetType: string;
  readonly feedbackId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
};

function rejectUnsupported({ triggerType, targetType }: RaiseRequest): Evaluation | undefined {
  const isTask = triggerType === 'important_urgent_task' && targetType === 'task_pool';
  if (isTask || triggerType === 'unfinished_feedback') return undefined;
  const isKnown = triggerType === 'important_urgent_task';
  return {
    outcome: 'reject',
    code: isKnown ? 'unsupported_target' : 'unsupported_trigger_type',
    reason: `the task evaluator does not support ${triggerType} about a ${targetType}`,
  };
}

async function readFacts(
  source: TaskEvaluatorOptions['source'],
  table: SlotTable,
  request: Target,
  now: Instant,
): Promise<TargetFacts> {
  const { userId, targetId, targetType } = request;
  const to = now + HORIZON_MS;
  const slots = slotsBetween(table, now, to);
  const near = await source.blocks(userId, now - LONGEST_BLOCK_MS, to);
  const common = { now, slots, blocks: near.filter(({ endAt }) => endAt > now) };
  if (request.triggerType === 'important_urgent_task') {
    return { ...common, about: 'task', task: await source.task(userId, targetId) };
  }
  const isBlock = targetType === 'schedule_event';
  const block = isBlock ? await source.block(userId, targetId) : undefined;
  const { feedbackId, idempotencyKey } = request;
  const isIdentified = feedbackId !== undefined || idempotencyKey !== undefined;
  return { ...common, about: 'feedback', isIdentified, block };
}

function evaluationOf(
  request: RaiseRequest,
  facts: TargetFacts,
  diagnosis: Diagnosis,
  texts: ScheduleTexts,
): Evaluation {
  const action = actionOf(diagnosis.issue);
  if (action === 'close') return { outcome: 'close', reason: diagnosis.issue };
  return {
    ...buildOffer(request, facts, diagnosis, action, texts),
    baseVersion: baseVersionOf(request, facts),
  };
}

/** A hash of the facts that the proposal depends on: the target and the blocks. */
function baseVersionOf(request: Target, facts: TargetFacts): string {
  const { userId, triggerType, targetType, targetId } = request;
  const target =
    facts.about === 'task'
      ? facts.task && { completed: facts.task.completed, sections: facts.task.estimatedSections }
      : facts.block && { completed: facts.block.completed, taskId: facts.block.taskId };
  const base = {
    about: [userId, triggerType, targetType, targetId],
    target: target ?? null,
    window: [facts.now, facts.now + HORIZON_MS],
    blocks: facts.blocks.map(({ blockId, startAt, endAt }) => [blockId, startAt, endAt]),
  };
  const text = canonicalJson(parseJson(JSON.stringify(base)));
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function windowStartOf(snapshot: ApplyRequest['snapshot']): Instant {
  const window = isJsonObject(snapshot) ? snapshot['window'] : undefined;
  const from = isJsonObject(window) ? window['from'] : undefined;
  return typeof from === 'string' ? Date.parse(from) : Number.NaN;
}
