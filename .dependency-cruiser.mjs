// Who may import whom (ARCHITECTURE.md draws it). Written as "to anything but": a folder or package
// that nobody thought of is refused, not let through.

const packages = (/** @type {string[]} */ ...names) => `(^|/)node_modules/(${names.join('|')})/`;
const core = (/** @type {string[]} */ ...names) => `^(node:)?(${names.join('|')})$`;

const entries =
  '^src/(index|eventstoredb|nats|sqlite|delivery|audit|schedule|http|otel|contracts|testing)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-to-unresolvable',
      comment: 'A path that leads nowhere could hide a forbidden import.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'domain',
      comment: 'domain -> zod, ts-pattern, uuid',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: ['^src/domain/', packages('zod', 'ts-pattern', 'uuid')] },
    },
    {
      name: 'projections',
      comment: 'projections -> domain, zod, ts-pattern, uuid, hashes; timers in the runner (lint)',
      severity: 'error',
      from: { path: '^src/projections/' },
      to: {
        pathNot: [
          '^src/(domain|projections)/',
          packages('zod', 'ts-pattern', 'uuid'),
          core('crypto', 'timers', 'timers/promises'),
        ],
      },
    },
    {
      name: 'kernel',
      comment: 'kernel -> domain, projections; its testing folder also assertions',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: {
        pathNot: [
          '^src/(domain|projections|kernel)/',
          packages('zod', 'ts-pattern', 'uuid'),
          core('assert', 'crypto', 'timers', 'timers/promises', 'util'),
        ],
      },
    },
    {
      name: 'adapters',
      comment:
        'adapters -> domain, projections, and types of kernel; HTTP also the pages; packages as they need',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/', pathNot: '^src/(domain|projections|adapters|kernel|console)/' },
    },
    {
      name: 'console',
      comment: 'console -> domain, types of projections and kernel, the templates of hono',
      severity: 'error',
      from: { path: '^src/console/' },
      to: { pathNot: ['^src/(domain|projections|kernel|console)/', packages('hono')] },
    },
    {
      name: 'console-uses-types-only',
      comment: 'Pages render what they are given; they read nothing.',
      severity: 'error',
      from: { path: '^src/console/' },
      to: { path: '^src/(projections|kernel)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'console-only-from-http',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(console|adapters/http|cli/compose)/', entries] },
      to: { path: '^src/console/' },
    },
    {
      name: 'schedule',
      comment: 'schedule -> domain, kernel, projections; its task files are an adapter of its own',
      severity: 'error',
      from: { path: '^src/schedule/' },
      to: { path: '^src/', pathNot: '^src/(domain|projections|kernel|schedule|adapters/ndjson)/' },
    },
    {
      name: 'schedule-only-from-the-command-line-and-the-entries',
      comment: 'The kernel serves any product; the schedule is one of them.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(schedule|cli)/', entries] },
      to: { path: '^src/schedule/' },
    },
    {
      name: 'adapters-use-kernel-types-only',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/kernel/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'one-client-one-folder-nats',
      comment: 'A successor of the client is one folder’s work.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/adapters/nats/' },
      to: { path: packages('nats') },
    },
    {
      name: 'one-client-one-folder-eventstore',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/adapters/eventstore/' },
      to: { path: packages('@eventstore/db-client', '@kurrent/kurrentdb-client') },
    },
    {
      name: 'adapters-only-from-the-composition-root',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(adapters|cli|facade|schedule/tasks)/', entries] },
      to: { path: '^src/adapters/' },
    },
    {
      name: 'facade',
      comment: 'The facade opens what an embedder could open: no command line, no schedule.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(facade|cli)/', entries] },
      to: { path: '^src/facade/' },
    },
    {
      name: 'cli-from-nowhere',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'src-stands-alone',
      comment: 'What is published cannot import what is not.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|scripts|bin)/' },
    },
    {
      name: 'no-dev-dependency-in-src',
      comment:
        'The build bundles the metrics SDK and the engine of patterns. The SDK’s API and the second client of the event store are optional peers.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/adapters/(telemetry/|eventstore/(esdb/client|front/filter)\\.ts)',
      },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'deprecated'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Type-only imports count too: a pure folder that names an adapter's type is coupled to it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
