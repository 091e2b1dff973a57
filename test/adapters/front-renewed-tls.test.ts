// A renewed certificate of `tocsin store` is used without a restart; one that does not fit is not.
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { followTls } from '../../src/cli/compose/renewed-tls.ts';
import type { Logger } from '../../src/domain/ports/logger.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { selfSigned, type Certificate } from '../support/certificate.ts';
import { until } from '../support/until.ts';
import { aFront } from './front.support.ts';

function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.toString().trim() ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test('a new connection gets the renewed certificate, and a pair that does not fit leaves the old one', async () => {
  const [first, second, other] = [selfSigned(), selfSigned(), selfSigned()];
  const front = await aFront({ tls: first });
  let files: Certificate = first;
  const said: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void said.push(message) };
  const stop = new AbortController();
  const options = { read: () => files, first, renew: front.renewTls, logger, everyMs: 1 };
  const following = followTls(options, stop.signal);
  expect(await shown(front.port)).toBe(first.certificate.trim());
  files = second;
  await until('the new certificate is shown', async () => {
    return (await shown(front.port)) === second.certificate.trim();
  });
  files = { key: second.key, certificate: other.certificate };
  await until('the pair is refused', () => said.length > 0);
  expect(said[0]).toContain('the old one stays');
  expect(await shown(front.port)).toBe(second.certificate.trim());
  stop.abort();
  await following;
});
