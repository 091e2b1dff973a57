// compose.yaml cannot be run where there is no docker. What can be held to without one: that it is the
// form that compose reads, that it keeps its promises, and that the servers take what it gives them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { parseConnectionString } from '../../src/adapters/eventstore/esdb/connection-string.ts';
import { findNatsServer } from '../../src/adapters/nats/server.ts';

const file = new URL('../../compose.yaml', import.meta.url);
const text = readFileSync(file, 'utf8');

/** The part of the compose specification that the file may use; anything else is a slip. */
const ServiceSchema = z.strictObject({
  // A tag that moves would be another program tomorrow.
  image: z.string().regex(/^[\w./-]+:\d+\.\d+[\w.-]*$/),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string().regex(/^[A-Z_]+$/), z.string()).optional(),
  configs: z.array(z.strictObject({ source: z.string(), target: z.string() })).optional(),
  // On this machine only: nothing of it asks who calls.
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)),
  volumes: z.array(z.string().regex(/^[\w-]+:\/[\w/]+$/)),
  healthcheck: z.strictObject({
    test: z.tuple([z.literal('CMD')]).rest(z.string()),
    interval: z.string().regex(/^\d+s$/),
    timeout: z.string().regex(/^\d+s$/),
    retries: z.int().positive(),
  }),
  restart: z.literal('unless-stopped'),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
});

const ComposeSchema = z.strictObject({
  name: z.literal('tocsin'),
  services: z.record(z.string(), ServiceSchema),
  configs: z.record(z.string(), z.strictObject({ content: z.string() })),
  volumes: z.record(z.string(), z.null()),
});

const document = parseDocument(text, { merge: true });
const compose = ComposeSchema.parse(document.toJS());
const services = Object.entries(compose.services);
const natsNodes = services.filter(([, { image }]) => image.startsWith('nats:'));

describe('compose.yaml', () => {
  test('has an event store and three NATS servers, each with its own port and its own disk', () => {
    expect(document.errors.concat(document.warnings)).toEqual([]);
    expect(natsNodes).toHaveLength(3);
    expect(services).toHaveLength(4);
    const ports = services.flatMap(([, service]) => service.ports);
    const volumes = services.flatMap(([, service]) => service.volumes);
    for (const list of [ports, volumes]) expect(new Set(list).size).toBe(4);
    const declared = Object.keys(compose.volumes);
    expect(volumes.map((volume) => volume.split(':')[0]).toSorted()).toEqual(declared.toSorted());
  });

  test('publishes the ports that its own instructions connect to', () => {
    const published = services.flatMap(([, { ports }]) =>
      ports.map((port) => Number(port.split(':')[1])),
    );
    const [, store = ''] = /TOCSIN_STORE='([^']+)'/.exec(text) ?? [];
    const [, nats = '', replicas] = /TOCSIN_NATS=(\S+) TOCSIN_NATS_REPLICAS=(\d)/.exec(text) ?? [];
    const { hosts, settings } = parseConnectionString(store);
    expect(settings.tls).toBe(false);
    const connected = [...hosts, ...nats.split(',').map((url) => new URL(url))].map(({ port }) =>
      Number(port),
    );
    expect(connected.toSorted()).toEqual(published.toSorted());
    expect(Number(replicas)).toBe(natsNodes.length);
  });

  test('makes one cluster of the NATS servers, with a configuration that nats-server takes', () => {
    const [config] = Object.values(compose.configs);
    const content = config?.content ?? '';
    const names = natsNodes.map(([name]) => name);
    for (const [name, { command, configs }] of natsNodes) {
      expect(command?.slice(-2)).toEqual(['--name', name]);
      expect(Object.keys(compose.configs)).toContain(configs?.[0]?.source);
      expect(command).toContain(configs?.[0]?.target);
    }
    const routes = Array.from(content.matchAll(/nats:\/\/([\w-]+):6222/g), ([, name]) => name);
    expect(routes).toEqual(names);
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-compose-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    // Servers before 2.10 have no such setting, and one of those may run these tests.
    expect(content).toContain('sync_interval: always');
    writeFileSync(join(folder, 'nats.conf'), content.replace(/^ *sync_interval:.*\n/m, ''));
    const path = findNatsServer();
    // It checks and ends; a setting that it does not know is an error.
    execFileSync(path, ['--config', join(folder, 'nats.conf'), '-t'], { stdio: 'pipe' });
  });
});
