// `tocsin policy`: shows the policies in force and their history.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { formatPolicy } from '../../domain/policy/text.ts';
import { policyHistory, viewOf, type PolicyHistoryEntry } from '../../kernel/control/policies.ts';
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
  const lastOf = (triggerType: string, type: PolicyHistoryEntry['type']) =>
    changes.findLast((entry) => entry.data.triggerType === triggerType && entry.type === type);
  const shown = [...policies].map(([triggerType, policy]) => {
    const set = lastOf(triggerType, 'NotificationPolicySet');
    return { triggerType, ...policy, text: formatPolicy(policy), set: set && recordOf(set) };
  });
  const muted = [...mutes].map(([triggerType, until]) => {
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
  terminal.print({ changes: changes.map((entry) => ({ ...changeOf(entry), ...recordOf(entry) })) });
  for (const entry of changes) {
    terminal.say(
      `${formatPosition(entry.position)}  ${entry.data.triggerType}  ${textOf(entry)}  (${by(recordOf(entry))})`,
    );
  }
  if (changes.length === 0) terminal.say('No policy was set yet; see tocsin policy show.');
};

/** The changes in the log; none when the log does not exist yet. */
async function historyOf(config: Config): Promise<readonly PolicyHistoryEntry[]> {
  if (!isEventStoreDb(config.store) && !existsSync(embeddedFile(config.store))) return [];
  await using log = await openReader(config);
  return await policyHistory(log, config.name);
}

function changeOf(entry: PolicyHistoryEntry): object {
  const { triggerType } = entry.data;
  switch (entry.type) {
    case 'NotificationPolicySet': {
      const { policy } = entry.data;
      return { change: 'set', triggerType, policy, text: formatPolicy(policy) };
    }
    case 'NotificationsMuted':
      return { change: 'mute', triggerType, until: formatInstant(entry.data.until) };
    case 'NotificationsUnmuted':
      return { change: 'unmute', triggerType };
  }
}

function textOf(entry: PolicyHistoryEntry): string {
  switch (entry.type) {
    case 'NotificationPolicySet':
      return formatPolicy(entry.data.policy);
    case 'NotificationsMuted':
      return `muted until ${formatInstant(entry.data.until)}`;
    case 'NotificationsUnmuted':
      return 'unmuted';
  }
}

type PolicyRecord = {
  readonly position: string;
  readonly recordedAt: string;
  readonly actor: string | undefined;
  readonly reason: string;
};

function recordOf({ position, recordedAt, actor, reason }: PolicyHistoryEntry): PolicyRecord {
  return {
    position: formatPosition(position),
    recordedAt: formatInstant(recordedAt),
    actor,
    reason,
  };
}

function by({ recordedAt, actor = 'an unknown actor', reason }: PolicyRecord): string {
  return `${recordedAt} by ${actor}: ${reason}`;
}
