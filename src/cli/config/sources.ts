// Reads a setting from its sources: option before environment before configuration file.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { TocsinError } from '../../domain/core/errors.ts';
import { parseJson } from '../../domain/core/json.ts';
import { repeatedKey } from '../../domain/core/repeated-key.ts';
import { printable } from '../../domain/core/text.ts';
import { usageError } from './usage-error.ts';
import { SECRETS, SETTINGS, variableOf, type SecretName, type SettingName } from './settings.ts';

export type Given = Partial<Record<SettingName | 'config', string>>;

export type Sources = {
  readonly setting: (name: SettingName) => string | undefined;
  readonly secret: (name: SecretName) => string | undefined;
};

const names: readonly string[] = [...Object.keys(SETTINGS), ...SECRETS];

const FileSchema = z.partialRecord(z.enum(names), z.string());

/** @throws TocsinError `usage` for a file that cannot be read or has unknown keys */
export function openSources(given: Given, env: NodeJS.ProcessEnv): Sources {
  const file = readConfigFile(given.config);
  const fromEnvironment = (name: SettingName | SecretName): string | undefined =>
    env[variableOf(name)] === '' ? undefined : env[variableOf(name)];
  return {
    setting: (name) => given[name] ?? fromEnvironment(name) ?? file[name],
    secret: (name) => fromEnvironment(name) ?? file[name],
  };
}

function readConfigFile(given: string | undefined): Readonly<Record<string, string | undefined>> {
  const path = resolve(given ?? 'tocsin.config.json');
  if (given === undefined && !existsSync(path)) return {};
  const hint = `It must be a JSON object of strings with these keys: ${names.join(', ')}.`;
  const invalid = (message: string, cause?: unknown): TocsinError =>
    usageError('invalid_config', `${path} ${message}`, hint, cause);
  let text: string;
  let json: unknown;
  try {
    text = readFileSync(path, 'utf8');
    json = parseJson(text);
  } catch (cause) {
    throw invalid('cannot be read as JSON', cause);
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw invalid(`has the key ${printable(repeated)} twice`);
  const parsed = FileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const keys = Object.keys(typeof json === 'object' ? (json ?? {}) : {});
  const unknown = keys.filter((key) => !names.includes(key));
  throw invalid(
    unknown.length > 0 ? `has unknown keys: ${unknown.join(', ')}` : 'is not an object of strings',
  );
}
