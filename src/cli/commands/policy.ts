// `tocsin policy`: shows the policies in force and their history.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { formatPolicy } from '../../domain/policy/text.ts';
import { viewOf } from '../../kernel/control/policies.ts';
import { policyHistory, type RecordedPolicyChange } from '../../kernel/control/policy-history.ts';
import { embeddedFile, isEventStoreDb, openReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { register, type Work } from './command.ts';
import { policyChangeCommands } from './policy-change.ts';

export function policyCommand(program: Command): void {
  const policy = program.command('policy').description('show and change dedupe policies and mutes');
  register(
    policy.command('show').description('show the policies and mutes in force'),
    ['store', 'name'],
    'Example:\n  tocsin policy show --json',
    show,
  );
  register(
    policy
      .command('history')
      .description('list all changes of policies and mutes, with actor and reason'),
    ['store', 'name'],
    'Example:\n  tocsin policy history',
    history,
  );
  policyChangeCommands(policy);
}

const show: Work<object> = async ({ config, terminal }) => {
  const changes = await historyOf(config);
  const { policies, mutes } = viewOf(changes, Date.now());
  const lastOf = (triggerType: string, type: RecordedPolicyChange['type']) =>
    changes.findLast((entry) => entry.data.triggerType === triggerType && entry.type === type);
  const shown = Object.entries(policies).map(([triggerType, policy]) => {
    const set = lastOf(triggerType, 'NotificationPolicySet');
    return { triggerType, ...policy, text: formatPolicy(policy), set: set && recordOf(set) };
  });
  const muted = Object.entries(mutes).map(([triggerType, until]) => {
    const set = lastOf(triggerType, 'NotificationsMuted');
    return { triggerType, until: formatInstant(until), set: set && recordOf(set) };
  });
  terminal.print({ policies: shown, mutes: muted });
  for (const { triggerType, text, set } of shown) {
    terminal.say(`${triggerType}  ${text}  (${set === undefined ? 'the default' : by(set)})`);
  }
  for (const { triggerType, until, set } of muted) {
    terminal.say(`${triggerType}  MUTED until ${until}  (${set === undefined ? '' : by(set)})`);
  }
};

const history: Work<object> = async ({ config, terminal }) => {
  const changes = await historyOf(config);
  terminal.print({
    changes: changes.map((entry) => ({ ...changeOf(entry).document, ...recordOf(entry) })),
  });
  for (const entry of changes) {
    terminal.say(
      `${formatPosition(entry.position)}  ${entry.data.triggerType}  ${changeOf(entry).text}  (${by(recordOf(entry))})`,
    );
  }
  if (changes.length === 0) terminal.say('No policy was set yet; see tocsin policy show.');
};

/** The changes in the log; none when the log does not exist yet. */
async function historyOf(config: Config): Promise<readonly RecordedPolicyChange[]> {
  if (!isEventStoreDb(config.store) && !existsSync(embeddedFile(config.store))) return [];
  await using log = await openReader(config);
  return await policyHistory(log, config.name);
}

/** A change as a part of the JSON document and as text. */
function changeOf({ type, data }: RecordedPolicyChange): { document: object; text: string } {
  const { triggerType } = data;
  switch (type) {
    case 'NotificationPolicySet': {
      const { policy } = data;
      const text = formatPolicy(policy);
      return { document: { change: 'set', triggerType, policy, text }, text };
    }
    case 'NotificationsMuted': {
      const until = formatInstant(data.until);
      return { document: { change: 'mute', triggerType, until }, text: `muted until ${until}` };
    }
    case 'NotificationsUnmuted':
      return { document: { change: 'unmute', triggerType }, text: 'unmuted' };
  }
}

function recordOf({ position, recordedAt, actor, reason }: RecordedPolicyChange) {
  const at = { position: formatPosition(position), recordedAt: formatInstant(recordedAt) };
  return { ...at, actor, reason };
}

function by({
  recordedAt,
  actor = 'an unknown actor',
  reason,
}: ReturnType<typeof recordOf>): string {
  return `${recordedAt} by ${actor}: ${reason}`;
}
