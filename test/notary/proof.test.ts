// Proofs: what they hold, that they verify without the log, and that nothing else does.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { canonicalJson, type JsonObject } from '../../src/domain/core/json.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { createAudit, type Audit } from '../../src/kernel/create-audit.ts';
import { verifyProof } from '../../src/projections/audit/proof/verify-proof.ts';
import type { Proof } from '../../src/projections/audit/proof/format.ts';
import { Frontier } from '../../src/projections/notary/frontier.ts';
import { signedHead, type TreeHead } from '../../src/projections/notary/head.ts';
import { endorsementText, publishedKeys } from '../../src/projections/notary/keys.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { testKey } from '../support/notary.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';

const key = testKey();

function headOver(events: readonly RecordedEvent[], store: string, signer = key.signer): TreeHead {
  const tree = new Frontier();
  for (const event of events) tree.add(leafOf(event));
  const at = events.at(-1)?.position ?? expect.fail('there are events');
  return signedHead(
    {
      store,
      size: events.length,
      position: `${at.commit}/${at.prepare}`,
      root: Buffer.from(tree.root()).toString('hex'),
      time: '2026-01-01T10:00:00.000Z',
    },
    signer,
  );
}

async function aCase(count = 3) {
  const { kernel, store } = await makeWorld();
  const ids: string[] = [];
  for (let n = 1; n <= count; n += 1) {
    const input = anInput(n, { userId: n, payload: { note: `secret ${n}` } });
    ids.push((await raised(kernel, input)).triggerId);
  }
  const events = await eventsOf(store);
  const audit: Audit = createAudit({ log: store, scratch: memoryReadModel });
  const head = headOver(events, kernel.storeId);
  return { kernel, store, ids, events, audit, head, id: ids[1] ?? expect.fail('two triggers') };
}

const codes = (proof: unknown, pem = key.pem) =>
  verifyProof(JSON.stringify(proof), pem).faults.map(({ code }) => code);

/** Twenty lines from RFC 9162 2.1.3.2, with nothing of the product. */
function holds({ head, nodes, events }: Proof): boolean {
  const sha = (...parts: readonly Uint8Array[]) =>
    createHash('sha256').update(Buffer.concat(parts)).digest();
  return events.every(({ leaf, path, event }) => {
    let [fn, sn] = [leaf, head.size - 1];
    let r = sha(Uint8Array.of(0), Buffer.from(canonicalJson(event as JsonObject)));
    for (const place of path) {
      const p = Buffer.from(nodes[place] ?? '', 'base64');
      if (sn === 0) return false;
      if (fn % 2 === 1 || fn === sn) {
        r = sha(Uint8Array.of(1), p, r);
        while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
      } else r = sha(Uint8Array.of(1), r, p);
      [fn, sn] = [fn >> 1, sn >> 1];
    }
    return sn === 0 && r.toString('hex') === head.root;
  });
}

describe('audit.prove', () => {
  it('proves the events of one trigger, and shows nothing of another user', async () => {
    const { audit, head, id, events } = await aCase();
    const proof = await audit.prove({ id, head });
    const report = verifyProof(JSON.stringify(proof), key.pem);
    expect(report).toMatchObject({ kind: 'proof', about: id, head, faults: [] });
    expect(report.events.map(({ type }) => type)).toEqual([
      'TriggerRaised',
      'PreviewOffered',
      'NotificationRequested',
    ]);
    expect(holds(proof)).toBe(true);
    const text = JSON.stringify(proof);
    expect(text).not.toContain('secret');
    for (const { stream } of events)
      if (stream.includes('.trigger-') && stream !== report.events[0]?.stream)
        expect(text).not.toContain(stream);
  });

  it('finds a notification by its id, and shows the personal part only when asked', async () => {
    const { audit, head, events } = await aCase();
    const request = events.filter(({ type }) => type === 'NotificationRequested')[1];
    const id = messageId(request?.id ?? '', 'notification.requested');
    const proof = await audit.prove({ id, head, personal: true });
    expect(JSON.stringify(proof)).toContain('secret 2');
    expect(JSON.stringify(proof)).not.toContain('secret 1');
    expect(codes(proof)).toEqual([]);
    const changed = JSON.stringify(proof).replace('secret 2', 'secret 9');
    expect(codes(JSON.parse(changed))).toEqual(['personal_changed']);
  });

  it('refuses a head that does not fit the log, and an id that the head does not cover', async () => {
    const { audit, head, id, kernel, store } = await aCase();
    const other = { ...head, root: 'ab'.repeat(32) };
    await expect(audit.prove({ id, head: other })).rejects.toMatchObject({
      code: 'head_inconsistent',
    });
    const longer = { ...head, size: head.size + 1 };
    await expect(audit.prove({ id, head: longer })).rejects.toMatchObject({
      code: 'head_inconsistent',
    });
    const { triggerId } = await raised(kernel, anInput(9));
    await expect(audit.prove({ id: triggerId, head })).rejects.toMatchObject({
      code: 'not_in_head',
    });
    expect(headOver(await eventsOf(store), kernel.storeId).size).toBeGreaterThan(head.size);
  });

  it('a changed byte anywhere in a proof is found', async () => {
    const { audit, head, id } = await aCase(2);
    const text = JSON.stringify(await audit.prove({ id, head }));
    for (let at = 0; at < text.length; at += 1) {
      const spoilt = `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`;
      // What the proof is said to be about is a label; its events say what they are about.
      if (at < text.indexOf('"head"')) continue;
      let found: string;
      try {
        found = verifyProof(spoilt, key.pem)
          .faults.map((fault) => fault.code)
          .join();
      } catch (error) {
        found = String(error);
      }
      expect(found, spoilt.slice(at - 10, at + 10)).not.toBe('');
    }
  });

  it('is smaller than 20 KB for one notification among a million leaves', async () => {
    const { audit, head, id } = await aCase();
    const proof = await audit.prove({ id, head });
    // A path among a million leaves has 20 hashes; each of these events gets all of them anew.
    const node = proof.nodes[0] ?? expect.fail('a path');
    const nodes = proof.events.flatMap(() => Array.from({ length: 20 }, () => node));
    expect(JSON.stringify({ ...proof, nodes }).length).toBeLessThan(20_000);
  });
});

describe('verifyProof', () => {
  it('accepts a head by a later key that the known key has endorsed, and no other', async () => {
    const { audit, events, kernel, id } = await aCase();
    const next = testKey();
    const fresh = {
      id: next.signer.key,
      publicKey: next.pem,
      since: '2026-02-01T00:00:00.000Z',
    };
    const old = { ...fresh, id: key.signer.key, publicKey: key.pem };
    const endorsed = { by: key.signer.key, signature: key.signer.sign(endorsementText(fresh)) };
    const head = headOver(events, kernel.storeId, next.signer);
    const keys = publishedKeys([old, { ...fresh, endorsed }]);
    expect(codes(await audit.prove({ id, head, keys }))).toEqual([]);
    expect(codes(await audit.prove({ id, head }))).toEqual(['unknown_key']);
    const forged = { by: key.signer.key, signature: next.signer.sign(endorsementText(fresh)) };
    const claimed = publishedKeys([old, { ...fresh, endorsed: forged }]);
    expect(codes(await audit.prove({ id, head, keys: claimed }))).toEqual(['unknown_key']);
    expect(codes(await audit.prove({ id, head, keys }), JSON.stringify(keys))).toEqual([]);
    expect(() => verifyProof('{}', key.pem)).toThrow('not a proof');
    expect(() => verifyProof('{}', 'x')).toThrow('public Ed25519');
  });
});

describe('audit.consistency', () => {
  it('proves that a newer log begins with the older one, and fails for another log', async () => {
    const { audit, head, kernel, store } = await aCase();
    await raised(kernel, anInput(9));
    const newer = headOver(await eventsOf(store), kernel.storeId);
    const proof = await audit.consistency({ older: head, newer });
    const report = verifyProof(JSON.stringify(proof), key.pem);
    expect(report).toMatchObject({ kind: 'consistency', older: head, head: newer, faults: [] });
    expect(codes({ ...proof, path: proof.path.slice(1) })).toEqual(['not_consistent']);
    expect(codes({ ...proof, path: proof.path.toReversed() })).toEqual(['not_consistent']);
    const { size, position, root, time } = head;
    const facts = { size, position, root, time, store: crypto.randomUUID() };
    expect(codes({ ...proof, older: signedHead(facts, key.signer) })).toEqual(['not_consistent']);
    await expect(audit.consistency({ older: newer, newer: head })).rejects.toMatchObject({
      code: 'heads_in_wrong_order',
    });
  });
});
