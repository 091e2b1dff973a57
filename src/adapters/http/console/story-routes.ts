// The page of a story, its JSON, and its proof, which reads the log once and so is a job.
import type { Context, Hono } from 'hono';
import { proofPage } from '../../../console/pages/proof.ts';
import { storyPage } from '../../../console/pages/story.ts';
import { listOf } from './counts.ts';
import { makeProof, proofOffer } from './proof-model.ts';
import { instantIn } from './query.ts';
import { show, type Env } from './respond.ts';
import { started } from './start-job.ts';
import type { ConsoleOptions } from './options.ts';
import type { Jobs } from './jobs.ts';

type StoryParts = ConsoleOptions & { readonly jobs: Jobs };

export function storyRoutes(app: Hono<Env>, parts: StoryParts): void {
  const { audit, deliveries, jobs } = parts;

  const explained = async (context: Context<Env>, id: string) => {
    const at = instantIn(context.req.query(), 'at');
    await using opened = await audit();
    return await opened.explain(id, at);
  };

  app.get('/story/:id', async (context) => {
    const explanation = await explained(context, context.req.param('id'));
    const id = explanation.decision?.notificationId ?? undefined;
    const delivery = id === undefined ? undefined : listOf(() => deliveries?.find(id));
    const proof = await proofOffer(parts, explanation);
    return await show(context, storyPage(context.get('view'), { explanation, delivery, proof }));
  });
  app.get('/story/:id/story.json', async (context) => {
    const explanation = await explained(context, context.req.param('id'));
    context.header('content-disposition', 'attachment; filename="story.json"');
    return context.json(explanation);
  });
  app.post('/story/:id/proof', async (context) => {
    const id = context.req.param('id');
    const { triggerId } = await explained(context, id);
    return await started(context, jobs, {
      title: (view) => view.texts.proof.title,
      run: async (progress) => {
        const proof = await makeProof(parts, id, progress);
        return {
          page: (view, href) => proofPage(view, triggerId, proof, href),
          file: { name: 'proof.json', text: `${JSON.stringify(proof)}\n` },
        };
      },
    });
  });
}
