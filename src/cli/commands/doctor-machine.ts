// The checks of `tocsin doctor` for the machine: Node, open files and room on the disks.
import { existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { bytes } from './doctor-text.ts';
import { fault, ok, warning, type Check } from './doctor-check.ts';
import type { Needs } from './doctor-roles.ts';

const NODE_MAJOR = 24;
const MIB = 1024 * 1024;

/** Below this room the next burst may fill the disk; below the second, SQLite can fail to write its log at any time. */
const LITTLE_ROOM = 1024 * MIB;
const NO_ROOM = 100 * MIB;
const FEW_INODES = 1_000;

/** Files and connections of a process that has no clients, and of one that serves many. */
const DESCRIPTORS = 256;
const SERVING_DESCRIPTORS = 4_096;

export function checkNode(): Check {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) >= NODE_MAJOR) return ok('node', `Node ${node}`);
  const hint = `Install Node ${NODE_MAJOR} or newer.`;
  return fault('node', 'node_version', `Node ${node}`, hint);
}

/** @param limit the soft limit of this process; `undefined` for none */
export function weighDescriptors(limit: number | undefined, { serves }: Needs): Check {
  const wanted = serves ? SERVING_DESCRIPTORS : DESCRIPTORS;
  if (limit === undefined) return ok('descriptors', 'no limit');
  if (limit >= wanted) return ok('descriptors', `${limit} open files are allowed`);
  const detail = `only ${limit} open files are allowed; this role can need ${wanted}`;
  const hint = `Raise it: LimitNOFILE=65536 of the systemd unit, or ulimit -n. The limit counts as seen by this shell.`;
  return warning('descriptors', 'descriptors_few', detail, hint);
}

/** The limit of this process, which Node has raised as far as it may. */
export function descriptorLimit(): number | undefined {
  const report: unknown = process.report.getReport();
  const limits = fieldOf(fieldOf(report, 'userLimits'), 'open_files');
  const soft = fieldOf(limits, 'soft');
  return typeof soft === 'number' ? soft : undefined;
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined;
}

export type Room = {
  /** A file or folder on the disk. */
  readonly path: string;
  readonly freeBytes: number;
  /** `undefined` for a file system that makes inodes as it needs them. */
  readonly freeInodes: number | undefined;
};

/** The room on the disk of each file, also of files that do not exist yet. Each disk once. */
export function roomOf(files: readonly string[]): readonly Room[] {
  const disks = new Map<number, string>();
  for (const file of files) {
    const folder = existing(dirname(file));
    const { dev } = statSync(folder);
    if (!disks.has(dev)) disks.set(dev, folder);
  }
  return [...disks.values()].map((path) => {
    const { bavail, bsize, files: inodes, ffree } = statfsSync(path);
    return { path, freeBytes: bavail * bsize, freeInodes: inodes === 0 ? undefined : ffree };
  });
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

export function weighRoom(disks: readonly Room[]): Check {
  const texts = disks.map(({ path, freeBytes, freeInodes }) => {
    const inodes = freeInodes !== undefined && freeInodes < FEW_INODES;
    return `${bytes(freeBytes)} free at ${path}${inodes ? `, but only ${freeInodes} inodes` : ''}`;
  });
  const detail = texts.join('; ');
  const hint =
    'Make room or move the files: a full disk stalls the process until there is room again.';
  const isBelow = (limit: number): boolean =>
    disks.some(
      ({ freeBytes, freeInodes = Infinity }) => freeBytes < limit || freeInodes < FEW_INODES,
    );
  if (isBelow(NO_ROOM)) return fault('disk', 'disk_full', detail, hint);
  if (isBelow(LITTLE_ROOM)) return warning('disk', 'disk_full', detail, hint);
  return ok('disk', detail);
}
