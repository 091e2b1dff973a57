// Decisions on a channel, and reading and masking addresses.
import { describe, expect, it } from 'vitest';
import {
  maskAddress,
  maskMiddle,
  readAddress,
  STRICT_RULES,
} from '../../src/domain/channel/address.ts';
import { withoutSecretsOf } from '../../src/domain/channel/without-secrets.ts';
import {
  parseChannel,
  type ChannelCommand,
  type ChannelRejection,
} from '../../src/domain/channel/commands.ts';
import { decideChannel } from '../../src/domain/channel/decide.ts';
import type { ChannelEvent } from '../../src/domain/channel/events.ts';
import {
  evolveChannel,
  initialChannel,
  type ChannelState,
} from '../../src/domain/channel/state.ts';
import { givenOf } from '../../src/testing.ts';

const NOW = Date.UTC(2026, 0, 1, 10);
const HOUR = 3_600_000;
const about = { userId: '42', channel: 'feishu' as const, version: 1 };
const facts = {
  kind: 'feishu_flow' as const,
  mask: 'https://www.feishu.cn/flow/api/trigger-webhook/abcd...wxyz',
  fingerprint: '0123456789ab',
  hasBearerToken: false,
  hasSecret: false,
  ref: '6f1c5a0e-3b52-4c7e-9d4a-7a2f4e0b8c11',
};

const given = givenOf<ChannelState, ChannelEvent, ChannelCommand, ChannelRejection>({
  initial: initialChannel,
  evolve: evolveChannel,
  decide: (state, command) => decideChannel(state, command, { recordedAt: NOW }),
});

const configured = (version = 1, enabled = true): ChannelEvent => ({
  type: 'ChannelConfigured',
  data: { ...about, ...facts, version, enabled },
});
const disabled = (code = 'by_owner'): ChannelEvent => ({
  type: 'ChannelDisabled',
  data: { ...about, code },
});
const enabled: ChannelEvent = { type: 'ChannelEnabled', data: about };
const removed: ChannelEvent = { type: 'ChannelRemoved', data: about };
const attention = (code: string): ChannelEvent => ({
  type: 'ChannelNeedsAttention',
  data: { ...about, code },
});
const tested = (testedAt = NOW): ChannelEvent => ({
  type: 'ChannelTested',
  data: { ...about, testedAt, succeeded: true, code: 'accepted' },
});
const configure: ChannelCommand = {
  kind: 'configure',
  settings: { userId: '42', channel: 'feishu', enabled: true },
  facts,
};
const report = (advice: 'disable' | 'needs_attention', version = 1): ChannelCommand => ({
  kind: 'report',
  version,
  advice,
  code: 'feishu_19024',
});

describe('decideChannel', () => {
  it('counts the configurations of a channel and never resets the count', () => {
    given().when(configure).then(configured(1));
    given(configured()).when(configure).then(configured(2));
    given(configured(), removed).when(configure).then(configured(2));
  });

  it('disables and enables a channel, each once', () => {
    given(configured()).when({ kind: 'disable' }).then(disabled());
    given(configured(), disabled()).when({ kind: 'disable' }).thenNothing();
    given(configured(), disabled()).when({ kind: 'enable' }).then(enabled);
    given(configured()).when({ kind: 'enable' }).thenNothing();
    given(configured(1, false)).when({ kind: 'enable' }).then(enabled);
  });

  it('rejects enable and disable without a channel, and removes nothing', () => {
    given().when({ kind: 'enable' }).thenRejected('not_configured');
    given(configured(), removed).when({ kind: 'disable' }).thenRejected('not_configured');
    given().when({ kind: 'remove' }).thenNothing();
    given(configured()).when({ kind: 'remove' }).then(removed);
  });

  it('records a report of a provider only about the current version', () => {
    given(configured()).when(report('disable')).then(disabled('feishu_19024'));
    given(configured()).when(report('needs_attention')).then(attention('feishu_19024'));
    given(configured(), attention('feishu_19024')).when(report('needs_attention')).thenNothing();
    given(configured(), disabled()).when(report('disable')).thenNothing();
    given(configured(2)).when(report('disable', 1)).thenNothing();
    given(configured(), removed).when(report('disable')).thenNothing();
    given(configured(), attention('x')).when({ kind: 'enable' }).then(enabled);
  });

  it('records a test only of the current version', () => {
    const test: ChannelCommand = {
      kind: 'record_test',
      version: 1,
      succeeded: true,
      code: 'accepted',
      detail: undefined,
    };
    given(configured()).when(test).then(tested());
    given(configured(2)).when(test).thenNothing();
  });

  it('allows five tests an hour, and none of a disabled channel', () => {
    const fold = (...events: ChannelEvent[]) => events.reduce(evolveChannel, initialChannel);
    const five = [0, 1, 2, 3, 4].map((minute): ChannelEvent => {
      const startedAt = NOW + minute * 60_000;
      return { type: 'ChannelTestStarted', data: { ...about, startedAt } };
    });
    const mayTest = (of: typeof initialChannel, recordedAt: number) =>
      decideChannel(of, { kind: 'start_test' }, { recordedAt });
    // A new configuration does not count anew.
    const state = fold(configured(), ...five, removed, configured(2));
    expect(mayTest(state, NOW + HOUR - 1)).toMatchObject({ error: { code: 'too_many_tests' } });
    expect(mayTest(state, NOW + HOUR).ok).toBe(true);
    expect(mayTest(fold(configured(), disabled()), NOW)).toMatchObject({
      error: { code: 'channel_disabled' },
    });
    expect(mayTest(fold(), NOW)).toMatchObject({ error: { code: 'not_configured' } });
  });
});

describe('readAddress and maskAddress', () => {
  it.each([
    ['https://open.feishu.cn/open-apis/bot/v2/hook/abc-123', 'feishu_bot'],
    ['https://open.larksuite.com/open-apis/bot/v2/hook/abc-123', 'feishu_bot'],
    [' https://www.feishu.cn/flow/api/trigger-webhook/abc123 ', 'feishu_flow'],
    ['https://FEISHU.cn:443/flow/api/trigger-webhook/abc123', 'feishu_flow'],
    ['https://acme.feishu.cn/base/automation/webhook/event/Ab12', 'feishu_base'],
    ['https://acme.larkoffice.com/base/automation/webhook/event/Ab12', 'feishu_base'],
  ])('%s is of kind %s', (url, kind) => {
    expect(readAddress(url, 'feishu', STRICT_RULES)).toMatchObject({ ok: true, value: { kind } });
  });

  it.each([
    'http://www.feishu.cn/flow/api/trigger-webhook/abc',
    'https://www.feishu.cn:81/flow/api/trigger-webhook/abc',
    'https://user@www.feishu.cn/flow/api/trigger-webhook/abc',
    'https://www.feishu.cn/flow/api/trigger-webhook/',
    'https://www.feishu.cn/flow/api/trigger-webhook/../x',
    'https://www.feishu.cn/flow/api/trigger-webhook/abc?x=1',
    'https://www.feishu.cn/flow/api/trigger-webhook/abc#x',
    'https://www.feishu.cn.evil.example/flow/api/trigger-webhook/abc',
    'https://evil.example/www.feishu.cn/flow/api/trigger-webhook/abc',
    'https://evil\\@open.feishu.cn/open-apis/bot/v2/hook/abc',
    'https://evil-feishu.cn/flow/api/trigger-webhook/abc',
    'https://a.b.feishu.cn/base/automation/webhook/event/Ab12',
    'https://open.feishu.cn/flow/api/trigger-webhook/abc',
    'not a url',
    `https://www.feishu.cn/flow/api/trigger-webhook/${'a'.repeat(3000)}`,
  ])('%s is no Feishu channel', (url) => {
    const result = readAddress(url, 'feishu', STRICT_RULES);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('abc');
  });

  it('accept a generic webhook by https, on an allowed port, and not of Feishu', () => {
    const read = (url: string, rules = STRICT_RULES) => readAddress(url, 'webhook', rules).ok;
    expect(read('https://hooks.example/x')).toBe(true);
    expect(read('https://hooks.example:8443/x')).toBe(false);
    expect(read('https://hooks.example:8443/x', { ports: [8443], privateTargets: false })).toBe(
      true,
    );
    expect(read('http://hooks.example/x')).toBe(false);
    expect(read('http://127.0.0.1:99/x', { ports: [], privateTargets: true })).toBe(true);
    expect(read('ftp://hooks.example/x', { ports: [], privateTargets: true })).toBe(false);
    expect(read('https://www.feishu.cn/flow/api/trigger-webhook/abc')).toBe(false);
  });

  it('recognise the stand-in origin by its path', () => {
    const rules = { ...STRICT_RULES, standIn: 'http://127.0.0.1:7070' };
    const url = '/open-apis/bot/v2/hook/abc';
    expect(readAddress(`http://127.0.0.1:7070${url}`, 'feishu', rules)).toMatchObject({
      value: { kind: 'feishu_bot' },
    });
    expect(readAddress(`http://127.0.0.1:7071${url}`, 'feishu', rules).ok).toBe(false);
  });

  it('mask a key except four characters at each end, and a short key whole', () => {
    const flow = 'https://www.feishu.cn/flow/api/trigger-webhook/';
    const mask = (url: string, kind: 'feishu_flow' | 'webhook') => maskAddress({ url, kind });
    expect(mask(`${flow}abcdefghijklmnop`, 'feishu_flow')).toBe(`${flow}abcd...mnop`);
    expect(mask(`${flow}abcdefgh`, 'feishu_flow')).toBe(`${flow}****`);
    expect(mask('https://h.example/services/T1/B2/abcdefghijklmnop?token=x', 'webhook')).toBe(
      'https://h.example/…/abcd...mnop',
    );
    expect(maskMiddle('')).toBe('');
  });

  it('mask at least half of any key', () => {
    for (let length = 1; length < 40; length += 1) {
      const shown = maskMiddle('k'.repeat(length)).replace(/[^k]/g, '').length;
      expect(shown * 2, `${length}`).toBeLessThanOrEqual(length);
    }
  });

  it.each([
    ['https://0a1b2c3d4e5f6071.hooks.example/x', 'https://….hooks.example/*'],
    ['https://x7f9abcd.m.pipes.example:8443/x', 'https://….m.pipes.example:8443/*'],
    ['https://hooks.team.example/x', 'https://hooks.team.example/*'],
    ['https://averylongsecretname.example.net/x', 'https://….example.net/*'],
    ['https://192.168.17.4/x', 'https://192.168.17.4/*'],
    ['https://[2001:db8::1]/x', 'https://[2001:db8::1]/*'],
  ])('mask a host name that may be a secret: %s', (url, masked) => {
    expect(maskAddress({ url, kind: 'webhook' })).toBe(masked.replace('*', '****'));
  });

  it.each([
    `https://${'a'.repeat(64)}.example/x`,
    `https://${'a.'.repeat(270)}example/x`,
    'https://a..example/x',
    'https://hooks.example../x',
  ])('%s is no address of any channel', (url) => {
    for (const channel of ['webhook', 'feishu']) {
      expect(readAddress(url, channel, STRICT_RULES).ok).toBe(false);
    }
  });

  it('read a host name with a dot at its end as the same name without it', () => {
    const bot = 'https://open.feishu.cn./open-apis/bot/v2/hook/abc-123';
    expect(readAddress(bot, 'feishu', STRICT_RULES)).toEqual({
      ok: true,
      value: { kind: 'feishu_bot', url: bot.replace('.cn.', '.cn') },
    });
    expect(readAddress(bot, 'webhook', STRICT_RULES).ok).toBe(false);
  });
});

describe('withoutSecretsOf', () => {
  const target = {
    channel: 'webhook',
    kind: 'webhook',
    version: 1,
    url: 'https://x7f9abcdef.hooks.example/services/Tpath0123456/k%20ey-0123456789?token=query-98765',
    bearerToken: 'Bearer-token-01234567',
    secret: 'whsec_c2lnbmluZyBzZWNyZXQgb2YgdGhlIGNoYW5uZWw=',
  } as const;
  const secrets = [
    'x7f9abcdef',
    'Tpath0123456',
    'k ey-0123456789',
    'query-98765',
    target.bearerToken,
    'c2lnbmluZyBzZWNyZXQgb2YgdGhlIGNoYW5uZWw=',
  ];

  const bytesOf = (text: string, before: string, behind: string): string =>
    Array.from(Buffer.from(text))
      .map((byte) => `${before}${byte.toString(16).padStart(2, '0').toUpperCase()}${behind}`)
      .join('');
  const lines = (text: string, end: string): string => text.replaceAll(/.{12}/g, `$&${end}`);

  const encodings: readonly [string, (text: string) => string][] = [
    ['as it is', (text) => text],
    ['in upper case', (text) => text.toUpperCase()],
    ['in hex', (text) => Buffer.from(text).toString('hex')],
    ['in upper-case hex', (text) => Buffer.from(text).toString('hex').toUpperCase()],
    ['percent-encoded', (text) => encodeURIComponent(text)],
    ['without its ends', (text) => text.slice(1, -1)],
    ...[0, 1, 2, 3].map((before): [string, (text: string) => string] => [
      `in base64 behind ${before} other bytes`,
      (text) => Buffer.from(`${'#'.repeat(before)}${text}##`).toString('base64'),
    ]),
    ['in base64url', (text) => Buffer.from(text).toString('base64url')],
    ...[1, 2].map((before): [string, (text: string) => string] => [
      `in base64url behind ${before} other bytes`,
      (text) => Buffer.from(`${'#'.repeat(before)}${text}`).toString('base64url'),
    ]),
    ['in base64 of short lines', (text) => lines(Buffer.from(text).toString('base64'), '\r\n')],
    ['percent-encoded throughout', (text) => bytesOf(text, '%', '')],
    ['percent-encoded in lower case', (text) => bytesOf(text, '%', '').toLowerCase()],
    ['percent-encoded twice', (text) => bytesOf(text, '%25', '')],
    ['in escapes of JSON', (text) => bytesOf(text, String.raw`\u00`, '')],
    ['in escapes of JavaScript', (text) => bytesOf(text, String.raw`\x`, '')],
    ['in decimal entities', (text) => Array.from(text, (c) => `&#${c.charCodeAt(0)};`).join('')],
    ['in entities of HTML', (text) => bytesOf(text, '&#x', ';')],
    ['in quoted-printable', (text) => lines(bytesOf(text, '=', ''), '=\r\n')],
    ['in hex with colons', (text) => bytesOf(text, '', ':')],
    ['in hex with spaces', (text) => bytesOf(text, '', ' ').toLowerCase()],
    ['as bytes of a dump', (text) => bytesOf(text, '0x', ', ')],
    ['backwards', (text) => Array.from(text).reverse().join('')],
  ];

  it.each(encodings)('cuts a secret that is echoed %s', (_, encode) => {
    for (const secret of secrets) {
      const echo = encode(secret);
      const kept = withoutSecretsOf(`got <${echo}>, no`, target);
      const rest = kept.replace(/^got <|>, no$/g, '').replaceAll('*', '');
      // Base64 letters that the bytes beside the secret decide may stay.
      expect(rest.length, kept).toBeLessThanOrEqual(12);
      expect(kept).toContain('***');
    }
  });

  it('cuts a name of a parameter that is a secret', () => {
    for (const query of ['name-as-a-secret', 'name-as-a-secret=', 'a8f3k2l9x1=on']) {
      const url = `https://hooks.example/x?${query}`;
      const name = query.replace(/=.*/, '');
      const kept = withoutSecretsOf(`no ${name} and ${btoa(name)}`, { ...target, url });
      expect(kept).not.toContain(name);
      expect(kept).not.toContain(btoa(name).slice(2, -4));
    }
    const url = 'https://hooks.example/x?access_token=query-98765';
    expect(withoutSecretsOf('invalid access_token', { ...target, url })).toBe(
      'invalid access_token',
    );
  });

  it('leaves a text without secrets as it is', () => {
    for (const text of [
      'HTTP 500: the service of hooks.example is not available; try again in 30 seconds',
      String.raw`{"error":"100% \u00e9 = 5 &amp; \"x\" at 12:30, a-b"}`,
    ]) {
      expect(withoutSecretsOf(text, target)).toBe(text);
    }
  });
});

describe('parseChannel', () => {
  const flow = 'https://www.feishu.cn/flow/api/trigger-webhook/abcdefghijkl';
  const bot = 'https://open.feishu.cn/open-apis/bot/v2/hook/abcdefghijkl';
  const parse = (more: object) =>
    parseChannel({ userId: 42, channel: 'feishu', url: flow, ...more }, STRICT_RULES);

  it('accepts user, channel and address', () => {
    expect(parse({})).toMatchObject({ ok: true, value: { userId: '42', enabled: true } });
  });

  it.each([
    [{ userId: '' }, 'invalid_field'],
    [{ channel: 'mail' }, 'invalid_field'],
    [{ extra: 1 }, 'invalid_field'],
    [{ url: 'http://x' }, 'invalid_url'],
    [{ bearerToken: 'two\r\nX-Evil: 1' }, 'invalid_field'],
    [{ bearerToken: 'é' }, 'invalid_field'],
    [{ url: bot, bearerToken: 'abc' }, 'invalid_secret'],
    [{ secret: 'abc' }, 'invalid_secret'],
    [{ channel: 'webhook', url: 'https://x.example', secret: 'short' }, 'invalid_secret'],
  ])('%j is refused as %s, and no value is quoted', (more, code) => {
    const result = parse(more);
    expect(result).toMatchObject({ ok: false, error: { code } });
    expect(JSON.stringify(result)).not.toMatch(/abcdefghijkl|Evil/);
  });

  it('accepts a signing secret for bots and generic webhooks', () => {
    expect(parse({ url: bot, secret: 'abc' }).ok).toBe(true);
    const secret = `whsec_${'A'.repeat(44)}`;
    expect(parse({ channel: 'webhook', url: 'https://x.example/', secret }).ok).toBe(true);
  });
});
