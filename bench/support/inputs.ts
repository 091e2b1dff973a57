// What is raised. Every request is of a user of its own, so each is a window of its own: nothing is
// suppressed, and every trigger becomes two messages.
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';

const FIRST = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

/** `count` requests of as many users, in the shape of real ones. */
export function* raiseInputs(count: number): Generator<RaiseInput, void, undefined> {
  for (let i = 1; i <= count; i += 1) {
    yield {
      userId: i,
      triggerType: 'important_urgent_task',
      source: 'api_trigger',
      targetType: 'task_pool',
      targetId: (i % 977) + 1,
      requestedAt: instantOf(i),
      payload: { commit: hexOf(i) },
    };
  }
}

/** The same as lines of a file, of a thousand lines each time. */
export function* raiseLines(count: number): Generator<string, void, undefined> {
  const users = 50_000; // One line a minute, so a user comes again long after its window.
  for (let i = 1; i <= count; i += 1_000) {
    let text = '';
    for (let n = i; n < i + 1_000 && n <= count; n += 1) {
      const line = {
        user_id: (n % users) + 1,
        trigger_type: 'important_urgent_task',
        source: 'api_trigger',
        target_type: 'task_pool',
        target_id: (n % 977) + 1,
        requested_at: new Date(FIRST - (count - n) * MINUTE_MS).toISOString(),
        payload: { commit: hexOf(n) },
      };
      text += `${JSON.stringify(line)}\n`;
    }
    yield text;
  }
}

function instantOf(i: number): string {
  const wall = new Date(FIRST + i * MINUTE_MS + 8 * 60 * MINUTE_MS).toISOString();
  return `${wall.slice(0, 19)}+08:00`;
}

function hexOf(i: number): string {
  return ((i * 2_654_435_761) % 2 ** 48).toString(16).padStart(12, '0');
}
