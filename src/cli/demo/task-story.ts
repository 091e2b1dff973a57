// Shows the events of due jobs and evaluations while `tocsin start` runs.
import { categoryPrefix } from '../../domain/core/ids.ts';
import { formatInstantSeconds } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import { dueJobCodec, type DueJobEvent } from '../../schedule/due-job/events.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import {
  triggerCodec,
  type TriggerEvent,
  type TriggerEventData,
} from '../../domain/trigger/events.ts';
import { triggerPrefixes } from '../../kernel/processes/trigger-streams.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** How many jobs were scheduled, triggered and skipped, and how many triggers they raised. */
type JobCounts = { scheduled: number; triggered: number; skipped: number; raised: number };

export type TaskStory = {
  readonly counts: Readonly<JobCounts>;
  readonly show: (recorded: RecordedEvent) => void;
};

type Line = { readonly event: string; readonly fields: object; readonly line: string };

export function storyPrefixes(name: string): readonly string[] {
  return [categoryPrefix(name, 'duejob'), ...triggerPrefixes(name)];
}

export function taskStory(terminal: Pick<Terminal, 'say' | 'print'>): TaskStory {
  const counts: JobCounts = { scheduled: 0, triggered: 0, skipped: 0, raised: 0 };
  return {
    counts,
    show(recorded) {
      const job = dueJobCodec.decode(recorded);
      if (job.kind === 'event') {
        if (job.event.type === 'DueJobScheduled') counts.scheduled += 1;
        if (job.event.type === 'DueJobTriggered') counts.triggered += 1;
        if (job.event.type === 'DueJobSkipped') counts.skipped += 1;
        print(terminal, jobLine(job.event));
        return;
      }
      const trigger = triggerCodec.decode(recorded);
      if (trigger.kind !== 'event') return;
      const { event, metadata } = trigger;
      if (metadata.actor === 'scanner' && event.type === 'TriggerRaised') {
        counts.raised += 1;
        print(terminal, raisedLine(event.data));
      }
      // An inline evaluation is shown by the raise.
      const line = metadata.actor === 'evaluation' ? evaluationLine(event) : undefined;
      if (line !== undefined) print(terminal, line);
    },
  };
}

/** Shows events from a position on, until the signal aborts. */
export async function followStory(
  store: Pick<EventStore, 'subscribeAll'>,
  story: TaskStory,
  { name, from }: { readonly name: string; readonly from: Position | undefined },
  signal: AbortSignal,
): Promise<void> {
  const prefixes = storyPrefixes(name);
  for await (const page of store.subscribeAll({ from, prefixes, signal })) {
    for (const entry of page) if (entry.kind === 'event') story.show(entry.event);
  }
}

function print(terminal: Pick<Terminal, 'say' | 'print'>, { event, fields, line }: Line): void {
  terminal.print({ event, ...fields });
  terminal.say(`  ${event.padEnd(11)} ${line}`);
}

function jobLine({ type, data }: DueJobEvent): Line {
  const { jobId, userId, kind, subjectId } = data;
  const about = { jobId, userId, kind, subjectId };
  const what = `${kind} ${subjectId} of ${userId}`;
  const lineOf = (event: string, fields: object, more: string): Line => ({
    event,
    fields: { ...about, ...fields },
    line: `${what}  ${more}`,
  });
  switch (type) {
    case 'DueJobScheduled':
    case 'DueJobRescheduled':
    case 'DueJobDeferred': {
      const at = formatInstantSeconds(data.triggerAt);
      return lineOf(type === 'DueJobScheduled' ? 'scheduled' : 'moved', { at }, `for ${at}`);
    }
    case 'DueJobTriggered': {
      const { triggerId, duplicate } = data;
      return lineOf('triggered', { triggerId, duplicate }, triggerId);
    }
    case 'DueJobSkipped':
      return lineOf('skipped', { code: data.code }, data.code);
    case 'DueJobCancelled':
      return lineOf('cancelled', { code: data.code }, data.code);
    case 'DueJobFailed': {
      const { code, failures } = data;
      return lineOf('failed', { code, failures }, `${code}, for the ${failures}. time`);
    }
  }
}

function raisedLine(data: TriggerEventData<'TriggerRaised'>): Line {
  const { triggerId, jobId, userId, triggerType, targetType, targetId } = data;
  const fields = { triggerId, jobId, userId, triggerType, targetType, targetId };
  return { event: 'raised', fields, line: `${triggerId}  ${triggerType} of ${userId}` };
}

function evaluationLine({ type, data }: TriggerEvent): Line | undefined {
  switch (type) {
    case 'PreviewOffered': {
      const { previewId, triggerId, userId, kind, personal } = data;
      const fields = { previewId, triggerId, userId, kind };
      return { event: 'offered', fields, line: `${kind} to ${userId}: ${personal.summary}` };
    }
    case 'TriggerClosed':
    case 'TriggerRejected':
    case 'TriggerAbandoned': {
      const { triggerId, reason } = data;
      const event = type.replace('Trigger', '').toLowerCase();
      return { event, fields: { triggerId, reason }, line: `${triggerId}  ${reason}` };
    }
    case 'TriggerEvaluationFailed': {
      const { triggerId, attempt, code } = data;
      const line = `${triggerId}  evaluation ${attempt}: ${code}`;
      return { event: 'failed', fields: { triggerId, attempt, code }, line };
    }
    default:
      return undefined;
  }
}
