// `tocsin notary key`: makes, rotates and publishes the key that tree heads are signed with.
import type { Command } from 'commander';
import {
  makeNotaryKey,
  readNotaryKey,
  rotateNotaryKey,
  type NotaryKey,
} from '../../adapters/notary/key-file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeTextFile } from '../config/usage-error.ts';
import { register, type Work } from './command.ts';

export function notaryKeyCommand(notary: Command): void {
  const key = notary
    .command('key')
    .description('make, rotate and publish the key that heads are signed with');
  register(
    key.command('make').description('make a key (Ed25519) in a file that only you may read'),
    ['notaryKey'],
    'A notary makes its key itself at its first start.\n\nExample:\n  tocsin notary key make --notary-key var/notary.key',
    make,
  );
  register(
    key.command('rotate').description('replace the key; the old key endorses the new one'),
    ['notaryKey'],
    `Restart the notary afterwards: it signs with the key that it has read at its start. Readers who keep an
earlier public key can check later heads, because each key is signed by the key before it. If somebody else may
know the old key, publish the new one by another way, and tell from which head on it counts.

Example:
  tocsin notary key rotate`,
    rotate,
  );
  register(
    key
      .command('publish')
      .description('print all public keys, for those who check')
      .option('--out <FILE>', 'write them to this file'),
    ['notaryKey'],
    `"verify-proof --key" and "audit verify --key" take what --out writes and --json prints, or one key in PEM.

Example:
  tocsin notary key publish --out notary-keys.json`,
    publish,
  );
}

const make: Work<object> = async ({ config, terminal }) => {
  show(terminal, makeNotaryKey(config.notary.key, Date.now()), `${config.notary.key} is written.`);
  return Promise.resolve();
};

const rotate: Work<object> = async ({ config, terminal }) => {
  const key = rotateNotaryKey(config.notary.key, Date.now());
  show(terminal, key, `${config.notary.key} has a new key. Restart the notary.`);
  return Promise.resolve();
};

const publish: Work<{ readonly out?: string }> = async ({ config, terminal }, { out }) => {
  const key = readNotaryKey(config.notary.key);
  if (out !== undefined) writeTextFile(out, `${JSON.stringify(key.published)}\n`);
  show(terminal, key, out === undefined ? undefined : `${out} is written.`);
  return Promise.resolve();
};

/** Never the private key. */
function show(terminal: Terminal, { published }: NotaryKey, remark?: string): void {
  terminal.print(published);
  if (remark !== undefined) terminal.say(remark);
  for (const { id, since, publicKey, endorsed } of published.keys) {
    terminal.say(`key ${id}, since ${since}`);
    if (endorsed !== undefined) terminal.say(`  endorsed by ${endorsed.by}`);
    terminal.say(...publicKey.trim().split('\n'));
  }
}
