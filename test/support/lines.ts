// Raise lines for tests that only need many different ones.

/** One good line, without its LF. */
export function raiseLine(user: number | string, fields: Readonly<Record<string, unknown>> = {}) {
  return JSON.stringify({
    user_id: user,
    trigger_type: 'important_urgent_task',
    source: 'worker_due_job',
    target_type: 'task_pool',
    target_id: 7,
    requested_at: '2026-04-30T10:17:42+08:00',
    ...fields,
  });
}

/**
 * Lines number `from` to `to`, all of different triggers, of fifty users; every third one falls into
 * a window that is taken.
 */
export function manyLines(from: number, to: number): string {
  const start = Date.UTC(2026, 0, 1);
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const n = from + i;
    const window = Math.floor(n / 150) * 2 + (n % 3 === 0 ? 0 : n % 3);
    const requestedAt = new Date(start + window * 1_800_000).toISOString();
    return `${raiseLine((n % 50) + 1, { target_id: n, requested_at: requestedAt })}\n`;
  }).join('');
}
