// The built-in evaluator over a task source: what is true of the target now, and which slots are free.
import { createHash } from 'node:crypto';
import type { Instant } from '../../domain/core/instants.ts';
import { canonicalJson, isJsonObject, parseJson } from '../../domain/core/json.ts';
import { actionFor, observe, OBSERVATION_MS, type Facts, type Observation } from './observe.ts';
import { offerOf } from './offer.ts';
import { DEFAULT_SLOT_TABLE, slotsBetween, type SlotTable } from './slots.ts';
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
   * The base version of a preview of this evaluator's as things are now: an apply port compares it with
   * the request's, inside its own transaction if it can, and refuses with `base_version_changed`.
   */
  readonly baseVersion: (
    request: Pick<ApplyRequest, 'userId' | 'triggerType' | 'targetType' | 'targetId' | 'snapshot'>,
  ) => Promise<string>;
};

/** Blocks are asked for by their start; a longer one that began earlier is not seen. */
const LONGEST_BLOCK_MS = 24 * 60 * 60 * 1000;

/**
 * Evaluates the built-in trigger types over a task source: proposes a place in the timetable, asks when
 * it does not know what is meant, reminds where nothing can be proposed, and closes what has been dealt
 * with. Other types and targets are rejected, with a reason.
 */
export function taskEvaluator(options: TaskEvaluatorOptions): TaskEvaluator {
  const { source, slots = DEFAULT_SLOT_TABLE, texts = scheduleTexts.en } = options;
  return {
    async evaluate(request, context) {
      const fault = unsupported(request);
      if (fault !== undefined) return fault;
      const now = request.mockNow ?? context.now;
      const facts = await factsOf(source, slots, request, now);
      context.signal.throwIfAborted();
      const observation = observe(facts);
      return evaluationOf(request, facts, observation, texts);
    },
    async baseVersion({ snapshot, ...request }) {
      const now = windowStartOf(snapshot);
      // Not a preview of this evaluator's: no base version is equal to this one.
      if (Number.isNaN(now)) return 'unknown';
      return baseVersionOf(request, await factsOf(source, slots, request, now));
    },
  };
}

type Target = Pick<RaiseRequest, 'userId' | 'triggerType' | 'targetId'> & {
  readonly targetType: string;
  readonly feedbackId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
};

function unsupported({ triggerType, targetType }: RaiseRequest): Evaluation | undefined {
  const isTask = triggerType === 'important_urgent_task' && targetType === 'task_pool';
  if (isTask || triggerType === 'unfinished_feedback') return undefined;
  const isKnown = triggerType === 'important_urgent_task';
  return {
    outcome: 'reject',
    code: isKnown ? 'unsupported_target' : 'unsupported_trigger_type',
    reason: `${triggerType} about a ${targetType} is nothing that the task evaluator knows`,
  };
}

async function factsOf(
  source: TaskEvaluatorOptions['source'],
  table: SlotTable,
  request: Target,
  now: Instant,
): Promise<Facts> {
  const { userId, targetId, targetType } = request;
  const to = now + OBSERVATION_MS;
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
  facts: Facts,
  observation: Observation,
  texts: ScheduleTexts,
): Evaluation {
  const action = actionFor(observation.issue);
  if (action === 'close') return { outcome: 'close', reason: observation.issue };
  return {
    ...offerOf(request, facts, observation, action, texts),
    baseVersion: baseVersionOf(request, facts),
  };
}

/** A hash of everything that the proposal stands on: the target, and what is in the way. */
function baseVersionOf(request: Target, facts: Facts): string {
  const { userId, triggerType, targetType, targetId } = request;
  const target =
    facts.about === 'task'
      ? facts.task && { completed: facts.task.completed, sections: facts.task.estimatedSections }
      : facts.block && { completed: facts.block.completed, taskId: facts.block.taskId };
  const base = {
    about: [userId, triggerType, targetType, targetId],
    target: target ?? null,
    window: [facts.now, facts.now + OBSERVATION_MS],
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
