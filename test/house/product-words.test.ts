// The kernel knows no word of the schedule product: another product uses it as it is.
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Trigger types, sources, target types, pages and texts of the schedule, and its channel as a default. */
const WORDS =
  /task_pool|schedule_event|task_item|important_urgent|unfinished_feedback|worker_due_job|user_feedback|schedule-adjust|sections? of (?:a|the) day|channel[^\n]{0,20}?(?:(?<![=!])=|\?\?|:) 'feishu'/i;

const root = fileURLToPath(new URL('../../', import.meta.url));

function wordIn(text: string): string | undefined {
  return WORDS.exec(text)?.[0];
}

test('no file of domain, kernel and projections has a word of the schedule product', async () => {
  const found: string[] = [];
  let files = 0;
  for await (const file of glob('src/{domain,kernel,projections}/**/*.ts', { cwd: root })) {
    files += 1;
    const word = wordIn(readFileSync(`${root}${file}`, 'utf8'));
    if (word !== undefined) found.push(`${file}: ${word}`);
  }
  expect(files).toBeGreaterThan(100);
  expect(found).toEqual([]);
});

test.each([
  "targetType: 'task_pool'",
  'link: () => `/schedule-adjust/x`',
  "const { channel = 'feishu' } = options;",
  "channel: given ?? 'feishu'",
])('a word of the schedule product would be found in: %s', (planted) => {
  expect(wordIn(planted)).toBeDefined();
});
