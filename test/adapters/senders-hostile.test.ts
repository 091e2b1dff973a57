// Addresses that are not public, and hostile receivers: forbidden addresses are never called, and every attempt
// ends in time with a correct outcome.
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/adapters/senders/resolve.ts';
import { channelSender } from '../../src/adapters/senders/sender.ts';
import { STRICT_RULES } from '../../src/domain/channel/address.ts';
import { selfSigned } from '../support/certificate.ts';
import { freePort } from '../support/free-port.ts';
import { answering, MESSAGE, NOW, receiver, sendTo, targetAt } from './senders.support.ts';

const never = new AbortController().signal;
const ACCEPTED = { code: 0, msg: 'success' };

describe('isPublicAddress', () => {
  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.1.1'],
    ...['198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1'],
    ...['64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::'],
    ...['3fff::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', 'ff02::1'],
    ...['4000::1', '', 'localhost', '127.1', '0x7f000001'],
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00::1'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe('channelSender with a generic webhook', () => {
  /** Sends to a URL under the strict rules; every name leads to `addresses`. */
  const strictly = (url: string, addresses: readonly string[], ports: readonly number[] = []) => {
    const asked: string[] = [];
    const warnings: unknown[] = [];
    const send = channelSender({
      addresses: { ...STRICT_RULES, ports },
      now: () => NOW,
      limits: { connectMs: 300 },
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: (...args) => warnings.push(args),
        error: () => undefined,
      },
      resolve: (hostname) => {
        asked.push(hostname);
        return Promise.resolve(
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
      },
    });
    const target = { ...targetAt('https://x.example', 'webhook'), url };
    return send(MESSAGE, target, never).then((outcome) => ({ outcome, asked, warnings }));
  };

  it.each([
    'https://127.0.0.1/canary',
    'https://2130706433/canary',
    'https://0x7f.1/canary',
    'https://0177.0.0.1/canary',
    'https://127.1/canary',
    'https://①②⑦.0.0.1/canary',
    'https://127。0。0。1/canary',
    'https://0/canary',
    'https://[::1]/canary',
    'https://[::ffff:127.0.0.1]/canary',
    'https://[64:ff9b::7f00:1]/canary',
    'https://[2002:7f00:1::]/canary',
    'https://[fd00:ec2::254]/canary',
    'https://169.254.169.254/latest/meta-data/canary',
  ])('%s is blocked without a look-up, and tells of itself without its address', async (url) => {
    const { outcome, asked, warnings } = await strictly(url, ['8.8.8.8']);
    expect(outcome).toMatchObject({ outcome: 'permanent', code: 'ssrf_blocked' });
    expect(asked).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify([outcome, warnings])).not.toContain('canary');
  });

  it.each([
    [['127.0.0.1']],
    [['8.8.8.8', '10.0.0.1']],
    [['2606:4700::1111', '::ffff:169.254.169.254']],
  ])('whose name leads to %j is blocked, whichever of them would be taken', async (addresses) => {
    const { outcome } = await strictly('https://169.254.169.254.nip.example/x', addresses);
    expect(outcome).toMatchObject({ code: 'ssrf_blocked' });
  });

  it.each([
    'http://hooks.example/x',
    'https://hooks.example:22/x',
    'https://user:pw@open.feishu.cn@169.254.169.254/x',
    'https://user@hooks.example/x',
    'https://hooks.example/x#fragment',
    'gopher://hooks.example/x',
  ])('%s is not even looked up', async (url) => {
    const { outcome, asked } = await strictly(url, ['8.8.8.8']);
    expect(outcome).toMatchObject({ outcome: 'permanent', code: 'invalid_url' });
    expect(asked).toEqual([]);
  });

  it('resolves the name once, and calls the checked address', async () => {
    await using server = await receiver(answering(200, ''));
    const answers = ['127.0.0.1', '169.254.169.254'];
    let looks = 0;
    const send = channelSender({
      addresses: { ...STRICT_RULES, privateTargets: true },
      now: () => NOW,
      resolve: () => {
        const address = answers[looks] ?? '';
        looks += 1;
        return Promise.resolve([{ address, family: 4 }]);
      },
    });
    const target = targetAt(`http://rebinding.example:${server.port}`, 'webhook');
    expect(await send(MESSAGE, target, never)).toMatchObject({ outcome: 'accepted' });
    expect(looks).toBe(1);
    expect(server.received[0]?.headers.host).toBe(`rebinding.example:${server.port}`);
  });

  it('distinguishes a name that does not exist from a name that cannot be resolved now', async () => {
    const failing = (code: string) => () =>
      Promise.reject(Object.assign(new Error('canary'), { code }));
    const addresses = STRICT_RULES;
    const send = (code: string) =>
      channelSender({ addresses, resolve: failing(code) })(
        MESSAGE,
        targetAt('https://hooks.example', 'webhook'),
        never,
      );
    expect(await send('ENOTFOUND')).toMatchObject({ outcome: 'permanent', code: 'dns_not_found' });
    expect(await send('EAI_AGAIN')).toMatchObject({ outcome: 'transient', code: 'dns_failed' });
  });

  it('tries again when the resolver never answers', async () => {
    const send = channelSender({
      limits: { connectMs: 20 },
      resolve: () => new Promise(() => undefined),
    });
    const target = targetAt('https://hooks.example', 'webhook');
    expect(await send(MESSAGE, target, never)).toMatchObject({ code: 'dns_failed' });
  });

  it('sends nothing to a server with a certificate for another name', async () => {
    const { certificate, key } = selfSigned();
    let requests = 0;
    const server = createTlsServer({ cert: certificate, key }, (_request, response) => {
      requests += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const outcome = await sendTo(`https://127.0.0.1:${port}`, 'webhook');
    await new Promise((resolve) => server.close(resolve));
    expect(outcome).toMatchObject({ outcome: 'permanent', code: 'tls_invalid' });
    expect(requests).toBe(0);
  });
});

describe('channelSender with a hostile receiver', () => {
  it('follows no redirect', async () => {
    await using inside = await receiver(answering(200, ACCEPTED));
    const headers = { location: `${inside.origin}/secret` };
    for (const status of [301, 302, 303, 307, 308]) {
      await using server = await receiver(answering(status, '', headers));
      for (const kind of ['webhook', 'feishu_flow'] as const) {
        const outcome = await sendTo(server.origin, kind);
        expect(outcome).toMatchObject({ outcome: 'permanent', code: 'redirect' });
      }
    }
    expect(inside.received).toEqual([]);
  });

  it('returns an unknown outcome when no answer comes', async () => {
    await using server = await receiver(() => undefined);
    const options = { limits: { totalMs: 100 }, addresses: rulesFor(server.origin) };
    const outcome = await sendTo(server.origin, 'feishu_flow', { options });
    expect(outcome).toMatchObject({ outcome: 'unknown', code: 'provider_timeout' });
  });

  it('does not wait for a slow answer', async () => {
    await using server = await receiver((response) => {
      response.writeHead(200);
      const drops = setInterval(() => response.write(' '), 5);
      response.on('close', () => {
        clearInterval(drops);
      });
    });
    const options = { limits: { totalMs: 150 }, addresses: rulesFor(server.origin) };
    expect(await sendTo(server.origin, 'feishu_flow', { options })).toMatchObject({
      outcome: 'suspect',
    });
    // A generic one has said with its status what there is to say.
    expect(await sendTo(server.origin, 'webhook', { options })).toMatchObject({
      outcome: 'accepted',
    });
  });

  it('cuts off an answer of a hundred megabytes after sixteen kilobytes', async () => {
    const piece = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    await using server = await receiver((response) => {
      response.writeHead(200);
      const pour = (): void => {
        while (written < 100 * 1024 * 1024) {
          written += piece.length;
          if (!response.write(piece)) {
            response.once('drain', pour);
            return;
          }
        }
        response.end();
      };
      pour();
    });
    const outcome = await sendTo(server.origin, 'feishu_flow');
    expect(outcome).toMatchObject({ outcome: 'suspect', code: 'unparsable' });
    expect(written).toBeLessThan(20 * 1024 * 1024);
  });

  it('returns an unknown outcome after a hang-up, and a transient one without a connection', async () => {
    await using server = await receiver((response) => response.destroy());
    expect(await sendTo(server.origin, 'webhook')).toMatchObject({
      outcome: 'unknown',
      code: 'network_error',
    });
    const port = await freePort();
    expect(await sendTo(`http://127.0.0.1:${port}`, 'webhook')).toMatchObject({
      outcome: 'transient',
      code: 'network_error',
    });
  });

  it('returns an unknown outcome for an answer that is not HTTP, without its text', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.end('SSH-2.0-canary\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const outcome = await sendTo(`http://127.0.0.1:${port}`, 'webhook');
    await new Promise((resolve) => server.close(resolve));
    expect(outcome).toMatchObject({ outcome: 'unknown' });
    expect(JSON.stringify(outcome)).not.toContain('canary');
  });

  it('ends the call at the signal of the worker', async () => {
    const stop = new AbortController();
    await using server = await receiver(() => {
      stop.abort();
    });
    const outcome = await sendTo(server.origin, 'webhook', { signal: stop.signal });
    expect(outcome).toMatchObject({ outcome: 'unknown' });
    expect(await sendTo(server.origin, 'webhook', { signal: stop.signal })).toMatchObject({
      outcome: 'transient',
    });
    expect(server.received).toHaveLength(1);
  });
});

it('channelSender ignores a proxy of the environment', async () => {
  const before = process.env['http_proxy'];
  process.env['http_proxy'] = 'http://127.0.0.1:1';
  try {
    await using server = await receiver(answering(200, ACCEPTED));
    expect(await sendTo(server.origin, 'feishu_flow')).toMatchObject({ outcome: 'accepted' });
  } finally {
    if (before === undefined) delete process.env['http_proxy'];
    else process.env['http_proxy'] = before;
  }
});

function rulesFor(standIn: string) {
  return { ...STRICT_RULES, privateTargets: true, standIn };
}
