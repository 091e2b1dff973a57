// Checks the accessibility of a page: by axe-core, and by a walk with the keyboard.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What is wrong, a line for each rule. */
export async function violations(page: Page): Promise<readonly string[]> {
  // The policy of the page forbids inline code, so the checker is run in a world of its own.
  const client = await page.context().newCDPSession(page);
  const { frameTree } = await client.send('Page.getFrameTree');
  const { executionContextId: contextId } = await client.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
  });
  await client.send('Runtime.evaluate', { contextId, expression: axe });
  const { result } = await client.send('Runtime.evaluate', {
    contextId,
    expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | '))))`,
    awaitPromise: true,
  });
  await client.detach();
  return z.array(z.string()).parse(JSON.parse(String(result.value)));
}

/** Opens what is folded. */
export async function openAll(page: Page): Promise<void> {
  await page.evaluate(`for (const each of document.querySelectorAll('details')) each.open = true`);
}

/** In the page: numbers all that can have the focus, and returns how many there are. */
export const mark = `() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    .filter((each) => !each.hidden && each.type !== 'hidden' && each.checkVisibility());
  all.forEach((each, at) => each.setAttribute('data-walk', String(at)));
  return all.length;
}`;

/** In the page: the number of what has the focus, and how it shows that. */
export const focused = `() => {
  const { activeElement: at } = document;
  return [at.getAttribute('data-walk') ?? '', getComputedStyle(at).outlineStyle];
}`;
