// Checks deploy/ without Docker, Kubernetes, Grafana or Prometheus: its files have the form that these read, its commands
// are those of the command line, its metrics are those of the code, and each alert has a section in the runbook.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { notaryCommand } from '../../src/cli/commands/notary.ts';
import { projectCommand } from '../../src/cli/commands/project.ts';
import { startCommand } from '../../src/cli/commands/start.ts';
import { storeCommand } from '../../src/cli/commands/store.ts';
import { optionOf, SECRETS, SETTINGS, variableOf } from '../../src/cli/config/settings.ts';
import {
  INSTRUMENTS,
  prometheusName,
  type Instrument,
} from '../../src/domain/ports/instruments.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const filesIn = (folder: string): readonly string[] =>
  readdirSync(new URL(folder, root)).map((name) => `${folder}/${name}`);

/** The documents of a YAML file. @throws for a repeated key, an unknown anchor or broken YAML */
function documentsOf(path: string): readonly unknown[] {
  return parseAllDocuments(read(path), { merge: true }).map((document) => {
    expect(document.errors, path).toEqual([]);
    return document.toJS() as unknown;
  });
}

/** Parses a command line as `tocsin` does, without running it. @throws CommanderError for a wrong one */
function assertCommand(args: readonly string[]): void {
  const program = new Command('tocsin').enablePositionalOptions().exitOverride();
  for (const add of [notaryCommand, projectCommand, startCommand, storeCommand]) add(program);
  for (const command of program.commands) {
    command
      .exitOverride()
      .configureOutput({ outputError: () => undefined })
      .action(() => undefined);
  }
  program.parse(args, { from: 'user' });
}

const variables = new Set([
  ...[...Object.keys(SETTINGS), ...SECRETS].map(variableOf),
  'TOCSIN_STORE_TOKEN',
]);

function assertVariables(names: Iterable<string>): void {
  for (const name of names) expect(variables).toContain(name);
}

/** Every series that Prometheus gets from a daemon. */
const series = new Set(
  Object.entries<Instrument>(INSTRUMENTS).flatMap(([name, instrument]) => {
    const shown = prometheusName(name, instrument);
    const parts = ['_bucket', '_count', '_sum'].map((part) => shown + part);
    return instrument.kind === 'histogram' ? parts : [shown];
  }),
);
const labelsOfAll = new Set(
  Object.values<Instrument>(INSTRUMENTS).flatMap(({ labels }) =>
    labels.map((label) => label.replaceAll('.', '_')),
  ),
);

/** The names of metrics in an expression: what is no function, label, keyword, text or number. */
function metricsIn(expression: string): readonly string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]|\boffset \w+/g, '')
    .replaceAll(/\bby \([^)]*\)/g, '');
  return [...bare.matchAll(/[a-z]\w*(?=[^\w(]|$)/g)]
    .map(([name]) => name)
    .filter((name) => !['or', 'and', 'unless', 'offset', 'by', 'sum', 'max', 'e9'].includes(name));
}

function assertMetrics(expression: string): void {
  const found = metricsIn(expression);
  expect(found.length, expression).toBeGreaterThan(0);
  for (const name of found) expect(series, expression).toContain(name);
  const labels = [...expression.matchAll(/[{,]\s*(\w+)(?:=~?|!=)|by \(([^)]*)\)/g)].flatMap(
    ([, matcher, by]) => matcher ?? (by ?? '').split(/,\s*/),
  );
  const known = [...labelsOfAll, 'instance', 'job', 'le'];
  for (const label of labels) expect(known, expression).toContain(label);
}

describe('deploy/prometheus/alerts.yaml', () => {
  const Rules = z.strictObject({
    groups: z.array(
      z.strictObject({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^Tocsin[A-Za-z]+$/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+m$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
            annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
          }),
        ),
      }),
    ),
  });
  const [document] = documentsOf('deploy/prometheus/alerts.yaml');
  const alerts = Rules.parse(document).groups.flatMap(({ rules }) => rules);
  const runbook = read('docs/runbook.md');

  test.for(alerts)('$alert asks for metrics of the code', ({ expr }) => {
    assertMetrics(expr);
  });

  test('each alert has its section in the runbook, and each section of an alert its alert', () => {
    const section = runbook.split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
    const described = [...section.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(described).toEqual(alerts.map(({ alert }) => alert));
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    }
  });

  test('the runbook names metrics of the code', () => {
    const named = [...runbook.matchAll(/\b(?:tocsin|nodejs|process|http_server)_[a-z0-9_]+\b/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [name] of named) expect(series).toContain(name);
  });
});

test('deploy/grafana/tocsin.json asks for metrics of the code, and no two panels overlap', () => {
  const Dashboard = z.looseObject({
    uid: z.string(),
    panels: z.array(
      z.looseObject({
        id: z.int(),
        title: z.string(),
        gridPos: z.strictObject({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
        targets: z.array(z.looseObject({ refId: z.string(), expr: z.string() })).min(1),
      }),
    ),
  });
  const { panels } = Dashboard.parse(JSON.parse(read('deploy/grafana/tocsin.json')));
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length);
  for (const { targets } of panels) for (const { expr } of targets) assertMetrics(expr);
});

/** Whether a command line publishes messages or checks them. */
function usesMessageKey(args: readonly string[]): boolean {
  return args[0] === 'project' || isWorker(args);
}

function isWorker(args: readonly string[]): boolean {
  return args[0] === 'start' && args.includes('worker');
}

/** Worker and projector share a key, and a worker without a vault skips every delivery. */
function assertShared(args: readonly string[], given: Iterable<string>): void {
  const names = new Set([...given, ...args]);
  const has = (setting: 'messageKeyFile' | 'vault'): boolean =>
    names.has(variableOf(setting)) || names.has(optionOf(setting));
  if (usesMessageKey(args)) expect(has('messageKeyFile'), args.join(' ')).toBe(true);
  if (isWorker(args)) expect(has('vault'), args.join(' ')).toBe(true);
}

const namesOf = (text: string, pattern = /^#?\s*(TOCSIN_[A-Z_]+)=/gm): readonly string[] =>
  [...text.matchAll(pattern)].map(([, name = '']) => name);

describe('deploy/systemd', () => {
  const settings = namesOf(read('deploy/systemd/tocsin.env'));

  test('tocsin.env has settings of the command line', () => {
    expect(settings.length).toBeGreaterThan(5);
    assertVariables(settings);
  });

  const units = filesIn('deploy/systemd').filter((path) => path.endsWith('.service'));
  test.for(units)('%s runs a command, and never restarts a refusal', (path) => {
    const unit = new Map<string, string>();
    let section = '';
    for (const line of read(path).split('\n')) {
      section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
      const [, key, value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
      if (key !== undefined) unit.set(`${section}.${key}`, value);
      else expect(line).toMatch(/^$|^#|^\[(Unit|Service|Install)\]$/);
    }
    const [program, ...args] = (unit.get('Service.ExecStart') ?? '').split(' ');
    expect(program).toBe('/usr/bin/tocsin');
    assertCommand(args);
    assertShared(args, settings);
    expect(unit.get('Service.RestartPreventExitStatus')).toBe('2 4');
    expect(Number(unit.get('Service.TimeoutStopSec'))).toBeGreaterThan(10);
    expect(unit.get('Service.User')).toBe('tocsin');
  });
});

test('deploy/Dockerfile builds the package, runs it without root, and checks its health', () => {
  const text = read('deploy/Dockerfile').replaceAll('\\\n', ' ');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const known =
    /^(?:FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|HEALTHCHECK|STOPSIGNAL|ENTRYPOINT|CMD) /;
  for (const line of lines) expect(line).toMatch(known);
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const of = (name: string) =>
    last.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  expect(of('USER')).toBe('node');
  expect(of('HEALTHCHECK')).toContain('/health/live');
  const entry = z.array(z.string()).parse(JSON.parse(of('ENTRYPOINT') ?? ''));
  const bin = entry[1]?.replace('/app/node_modules/tocsin/', '') ?? '';
  expect(existsSync(new URL(bin, root))).toBe(true);
  assertCommand(z.array(z.string()).parse(JSON.parse(of('CMD') ?? '')));
  assertVariables([...text.matchAll(/\bTOCSIN_[A-Z]+(?==)/g)].map(([name]) => name));
});

const Compose = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string().regex(/^[\w./-]+:\d+\.\d+[\w.-]*$/),
      command: z.array(z.string()),
      environment: z.record(z.string(), z.string()).optional(),
      volumes: z.array(z.string()),
      stop_grace_period: z.string(),
      ports: z.array(z.string().regex(/^127\.0\.0\.1:/)).optional(),
    }),
  ),
  volumes: z.record(z.string(), z.null()),
});

test.for(['deploy/compose.yaml', 'deploy/compose.cluster.yaml'])(
  '%s runs commands with settings of the command line, on volumes that it declares',
  (path) => {
    const [document] = documentsOf(path);
    const { services, volumes } = Compose.parse(document);
    const own = Object.entries(services).filter(([, { image }]) => image.startsWith('tocsin:'));
    expect(own.length).toBeGreaterThan(2);
    const shared = namesOf(read(path), /^#\s+(TOCSIN_[A-Z_]+)=/gm);
    for (const [, { command, environment = {}, volumes: mounts }] of own) {
      assertCommand(command);
      assertShared(command, [...Object.keys(environment), ...shared]);
      assertVariables(Object.keys(environment));
      const named = mounts.filter((mount) => !mount.startsWith('.'));
      for (const mount of named) expect(volumes).toHaveProperty(mount.split(':')[0] ?? '');
    }
    const states = own.flatMap(([, { volumes: mounts, command }]) =>
      command.includes('--state') ? mounts.filter((mount) => mount.endsWith(':/data')) : [],
    );
    // A state file has one owner.
    expect(new Set(states).size).toBe(states.length);
    assertVariables(shared.filter((name) => name !== 'TOCSIN_STORE_TOKEN'));
  },
);

const Probe = z.looseObject({
  httpGet: z.strictObject({ path: z.enum(['/health/live', '/health/ready']), port: z.string() }),
});
const Mounts = z.array(z.looseObject({ name: z.string(), mountPath: z.string() }));
const Container = z.looseObject({
  image: z.string().regex(/^tocsin:\d+\.\d+\.\d+$/),
  args: z.array(z.string()),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })),
  livenessProbe: Probe,
  readinessProbe: Probe,
  volumeMounts: Mounts,
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
});
const Labels = z.record(z.string(), z.string());
const Resource = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.enum(['StatefulSet', 'Deployment']),
    spec: z.looseObject({
      replicas: z.int(),
      serviceName: z.string().optional(),
      selector: z.strictObject({ matchLabels: Labels }),
      template: z.looseObject({
        metadata: z.looseObject({ labels: Labels }),
        spec: z.looseObject({
          terminationGracePeriodSeconds: z.int().min(11),
          securityContext: z.looseObject({ runAsNonRoot: z.literal(true) }),
          automountServiceAccountToken: z.literal(false),
          initContainers: z.array(z.looseObject({ volumeMounts: Mounts })).optional(),
          containers: z.array(Container),
          volumes: z.array(z.looseObject({ name: z.string() })),
        }),
      }),
      volumeClaimTemplates: z
        .array(z.looseObject({ metadata: z.strictObject({ name: z.string() }) }))
        .optional(),
    }),
  }),
  z.looseObject({
    kind: z.literal('PodDisruptionBudget'),
    spec: z.looseObject({ selector: z.strictObject({ matchLabels: Labels }) }),
  }),
  z.looseObject({ kind: z.literal('ConfigMap'), data: Labels }),
  z.looseObject({
    kind: z.literal('Service'),
    spec: z.looseObject({
      selector: Labels,
      ports: z.array(z.looseObject({ targetPort: z.string() })),
    }),
  }),
  z.looseObject({ kind: z.literal('Secret'), stringData: Labels }),
  z.looseObject({ kind: z.literal('Namespace') }),
]);

type Ports = readonly { readonly name: string; readonly containerPort: number }[];
type Variables = readonly { readonly name: string; readonly value?: unknown }[];

/** Health and API listen where the ports of the container say. */
function assertPorts(ports: Ports, args: readonly string[], env: Variables): void {
  const health = env.find(({ name }) => name === 'TOCSIN_HTTP')?.value;
  const api = args[args.indexOf('--api') + 1];
  const expected = [health, ...(args.includes('--api') ? [api] : [])];
  expect(ports.map(({ containerPort }) => `0.0.0.0:${containerPort}`)).toEqual(expected);
}

function isSubset(
  part: Readonly<Record<string, string>>,
  whole: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(part).every(([key, value]) => whole[key] === value);
}

describe('deploy/kubernetes', () => {
  const resources = filesIn('deploy/kubernetes')
    .flatMap(documentsOf)
    .map((document) => Resource.parse(document));
  const budgets = resources.flatMap((resource) =>
    resource.kind === 'PodDisruptionBudget' ? [resource.spec.selector.matchLabels] : [],
  );
  const workloads = resources.flatMap((resource) =>
    resource.kind === 'StatefulSet' || resource.kind === 'Deployment' ? [resource.spec] : [],
  );

  const common: Readonly<Record<string, string>> = Object.fromEntries(
    resources.flatMap((resource) =>
      resource.kind === 'ConfigMap' ? Object.entries(resource.data) : [],
    ),
  );

  test('services lead to ports of pods, and files of settings are in the secret', () => {
    const services = resources.flatMap((resource) =>
      resource.kind === 'Service' ? [resource.spec] : [],
    );
    expect(services.length).toBeGreaterThan(3);
    for (const { selector, ports } of services) {
      const pod = workloads.find(({ template }) => isSubset(selector, template.metadata.labels));
      const names = pod?.template.spec.containers.flatMap((each) => each.ports) ?? [];
      for (const { targetPort } of ports)
        expect(names.map(({ name }) => name)).toContain(targetPort);
    }
    const keys = resources.flatMap((resource) =>
      resource.kind === 'Secret' ? Object.keys(resource.stringData) : [],
    );
    const files = [...read('deploy/kubernetes/worker.yaml').matchAll(/\/data\/(\w+\.key)/g)];
    const wanted = [...files.map(([, name]) => name), 'nats.creds', 'message.key', 'store'];
    expect(keys).toEqual(expect.arrayContaining(wanted));
  });

  test('each role runs commands of the command line, with probes of health and a budget for disruptions', () => {
    expect(workloads).toHaveLength(3);
    for (const { replicas, selector, template, volumeClaimTemplates = [] } of workloads) {
      // A vault has one pod.
      const hasWorker = template.spec.containers.some(({ args }) => isWorker(args));
      if (hasWorker) expect(replicas).toBe(1);
      else expect(replicas).toBeGreaterThan(1);
      expect(template.metadata.labels).toEqual(selector.matchLabels);
      expect(budgets).toContainEqual(selector.matchLabels);
      const { containers, volumes } = template.spec;
      const known = [...volumes, ...volumeClaimTemplates.map(({ metadata }) => metadata)];
      const listened = containers.flatMap(({ ports }) => ports.map((port) => port.containerPort));
      expect(new Set(listened).size).toBe(listened.length);
      for (const { args, ports, livenessProbe, readinessProbe, volumeMounts, env } of containers) {
        assertCommand(args);
        assertVariables(env.map(({ name }) => name));
        assertShared(args, [...env.map(({ name }) => name), ...Object.keys(common)]);
        assertPorts(ports, args, [...env, { name: 'TOCSIN_HTTP', value: common['TOCSIN_HTTP'] }]);
        expect(livenessProbe.httpGet.path).toBe('/health/live');
        expect(readinessProbe.httpGet.path).toBe('/health/ready');
        const names = ports.map(({ name }) => name);
        for (const { httpGet } of [livenessProbe, readinessProbe])
          expect(names).toContain(httpGet.port);
        for (const { name } of volumeMounts) expect(known.map((one) => one.name)).toContain(name);
      }
    }
  });

  test('the settings are those of the command line', () => {
    const maps = resources.flatMap((resource) =>
      resource.kind === 'ConfigMap' ? [resource.data] : [],
    );
    expect(maps).toHaveLength(1);
    for (const data of maps) assertVariables(Object.keys(data));
  });
});
