// One round of questions to all known nodes: which members of your cluster do you know, and in which state?
import { leaderIn, membersOf, type Member, type View } from './choose-node.ts';
import { endpointName, type Endpoint } from './endpoint.ts';

/** What the nodes answered until the round ended. */
export type Round = {
  readonly views: readonly View[];
  /** What each node answered, for people. */
  readonly summary: string;
};

/**
 * Asks the nodes, and members that their answers name, all at once. Ends when all have answered or failed, as soon
 * as the views suffice, or a while after most have answered.
 *
 * @param ask rejects after a while
 * @param stragglersMs how long to wait for the others when more than half have answered
 */
export async function askAll(
  nodes: readonly Endpoint[],
  ask: (endpoint: Endpoint) => Promise<readonly Member[]>,
  suffices: (views: readonly View[]) => boolean,
  stragglersMs: number,
): Promise<Round> {
  const views: View[] = [];
  const answers = new Map<string, string>();
  const { promise: enough, resolve: stop } = Promise.withResolvers<undefined>();
  const visit = async (endpoint: Endpoint): Promise<void> => {
    const name = endpointName(endpoint);
    if (answers.has(name)) return;
    answers.set(name, 'no answer yet');
    try {
      const view = { from: endpoint, members: await ask(endpoint) };
      views.push(view);
      const leader = leaderIn(view);
      answers.set(name, leader ? `says that ${endpointName(leader)} leads` : 'knows no leader');
      if (suffices(views)) stop(undefined);
      else if (2 * views.length > answers.size) setTimeout(stop, stragglersMs, undefined).unref();
    } catch (error) {
      answers.set(name, error instanceof Error ? error.message : String(error));
      return;
    }
    await visitAll([...membersOf(views).values()]);
  };
  const visitAll = async (endpoints: readonly Endpoint[]): Promise<void> => {
    await Promise.all(endpoints.map(visit));
  };
  await Promise.race([visitAll(nodes), enough]);
  const summary = [...answers].map(([name, answer]) => `${name}: ${answer}`).join('; ');
  return { views: [...views], summary };
}
