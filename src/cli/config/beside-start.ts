// The sources of a command beside a running `start`: what the command is not told comes from the start.
import type { RunFile } from './run-file.ts';
import { variableOf, type SecretName, type SettingName } from './settings.ts';
import type { Sources } from './sources.ts';
import { usageError } from './usage-error.ts';

/**
 * @param uses the settings that the command reads
 * @throws TocsinError `setting_withheld` when it needs a secret that the start does not tell
 */
export function besideStart(
  named: Sources,
  running: RunFile,
  uses: readonly SettingName[],
): Sources {
  const store = named.setting('store');
  const ownFile = running.storeFile === undefined ? [] : [`embedded:${running.storeFile}`];
  // A command that names another store is about another deployment.
  if (store !== undefined && ![running.store, ...ownFile].includes(store)) return named;
  assertTold(named, running, uses);
  // The credentials for one NATS server are not for another.
  const isOtherNats = named.setting('nats') !== undefined;
  const isTold = (name: SettingName): boolean => !(isOtherNats && name.startsWith('nats'));
  return {
    setting: (name) => named.setting(name) ?? (isTold(name) ? running.settings[name] : undefined),
    secret: named.secret,
  };
}

function assertTold(
  { setting, secret }: Sources,
  { withheld }: RunFile,
  uses: readonly SettingName[],
): void {
  const hasSecret = (...names: readonly SecretName[]): boolean =>
    names.some((name) => secret(name) !== undefined);
  const isGiven = {
    store: () => setting('store') !== undefined,
    nats: () => setting('nats') !== undefined || hasSecret('natsPassword', 'natsToken'),
    vaultKey: () => setting('vaultKeyFile') !== undefined || hasSecret('vaultKey'),
  };
  const needed = withheld.find((name) => {
    if (name === 'store') return uses.includes('store') && !isGiven.store();
    if (name === 'vaultKey') return uses.includes('vaultKeyFile') && !isGiven.vaultKey();
    return uses.includes('nats') && !isGiven.nats();
  });
  if (needed === undefined) return;
  const message = `the \`tocsin start\` that runs here has a secret that var/run.json does not hold: ${needed}`;
  throw usageError('setting_withheld', message, `Set ${variableOf(needed)} as for the start.`);
}
