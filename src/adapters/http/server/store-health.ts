// Health of a process that serves the API and projects nothing: it is ready when its store answers.
import { Hono } from 'hono';
import { problem } from './problem.ts';

/**
 * An app with two pages; everything else is a 404 as `application/problem+json`.
 *
 * - `GET /health/live`: 200 as long as the process answers
 * - `GET /health/ready`: 200 when `look` succeeds, else 503
 *
 * @param look asks the store for something small; what it throws is an outage
 */
export function createStoreHealthApp(look: () => Promise<unknown>): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
  });
  app.get('/health/live', (context) => context.json({ live: true }));
  app.get('/health/ready', async (context) => {
    try {
      await look();
      return context.json({ ready: true, reasons: [] });
    } catch {
      // What exactly may name addresses: whoever needs it has the log.
      const message = 'the event store cannot be reached';
      const reasons = [{ code: 'store_unavailable', message }];
      return context.json({ ready: false, reasons }, 503);
    }
  });
  app.notFound(() => problem(404, 'Not Found', 'Try /health/live or /health/ready.'));
  return app;
}
