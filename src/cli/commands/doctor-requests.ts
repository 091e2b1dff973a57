// The check of `tocsin doctor` that the stream has discarded no request before a worker took it.
import { existsSync } from 'node:fs';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import type { Position } from '../../domain/core/positions.ts';
import { readControl } from '../../kernel/control/control.ts';
import type { VerdictRow } from '../../projections/read-model.ts';
import { openMessageReader, openReader } from '../compose/compose.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import type { Config } from '../config/config.ts';
import { ok, type Check, type Checked } from './doctor-check.ts';

const PAGE = 1_000;

/** Nothing where this machine has no worker. */
export async function checkRequests(config: Config, checked: Checked): Promise<readonly Check[]> {
  if (!existsSync(config.state) || !existsSync(deliveriesFile(config))) return [];
  return [await checked('requests', () => compare(config))];
}

async function compare(config: Config): Promise<Check> {
  await using log = await openReader(config);
  await using messages = await openMessageReader(config);
  const { output } = await readControl(log, config.name);
  const info = await messages.info();
  if (output === undefined || info === undefined) return ok('requests', 'nothing sent yet');
  using state = openReadModelReader(config.state, { snapshot: true });
  using list = openDeliveryIndexReader(deliveriesFile(config));
  let discarded = 0;
  for (const row of sentBefore(state, output.after, info.firstSequence)) {
    const { messageId: id, user, triggerType } = row;
    if (id === null || user === null || triggerType === null || list.get(id) !== undefined)
      continue;
    const [mock] = state.sentNotificationsById([{ id, user, triggerType, mock: true }]);
    if (mock === undefined) discarded += 1;
  }
  if (discarded === 0) return ok('requests', 'each discarded message has its delivery');
  return {
    name: 'requests',
    status: 'failed',
    code: 'request_discarded',
    detail: `${config.stream} has discarded the messages of ${discarded} notifications without a delivery`,
    hint:
      'Start a worker: it takes them from the log, or records that they expired. Raise the limits of the stream ' +
      '(max_age, max_msgs, max_bytes).',
  };
}

function* sentBefore(
  state: ReturnType<typeof openReadModelReader>,
  from: Position,
  first: bigint,
): Generator<VerdictRow, void, undefined> {
  for (let after = from; ;) {
    const rows = state.publishedAfter(after, PAGE);
    for (const row of rows) {
      if (row.sequence !== null && row.sequence >= first) return;
      if (row.sequence !== null) yield row;
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.position;
  }
}
