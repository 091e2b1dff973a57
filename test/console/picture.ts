// Makes the picture of a story page in README from the recorded run: node test/console/picture.ts
// The fonts are those of the machine; Chinese needs one that has it.
import { statSync } from 'node:fs';
import { openBrowser, openWorld, visit } from './console.support.ts';

const FILE = 'docs/console-story.png';
const MAX_BYTES = 200_000;

await using world = await openWorld();
const browser = await openBrowser();
try {
  await using audit = world.tocsin.audit();
  const { requests } = await audit.requests({ verdict: 'suppressed', limit: 200 });
  // The fullest window tells most; the story is that of its last request.
  const behind = Map.groupBy(requests, ({ basis }) => basis);
  const [fullest] = [...behind.values()].toSorted((a, b) => b.length - a.length);
  const triggerId = fullest?.[0]?.triggerId ?? '';
  const size = { width: 1100, height: 660 };
  await using reader = await visit(browser, world, {
    viewport: size,
    locale: 'en',
    timezoneId: 'UTC',
  });
  await reader.page.goto(`${world.url}/story/${triggerId}`);
  await reader.page.screenshot({ path: FILE });
} finally {
  await browser.close();
}
const { size } = statSync(FILE);
if (size > MAX_BYTES)
  throw new Error(`${FILE} has ${size} bytes; at most ${MAX_BYTES} are allowed`);
process.stdout.write(`${FILE}: ${size} bytes\n`);
