// The files that pages load: style, script and icon. In a checkout the script's types are stripped when it is first
// served; the package has it built.
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

const IS_SOURCE = import.meta.url.endsWith('.ts');
const FOLDER = new URL(IS_SOURCE ? '../../../console/client/' : './console/', import.meta.url);

const TYPES: ReadonlyMap<string, string> = new Map([
  ['console.css', 'text/css; charset=utf-8'],
  ['console.js', 'text/javascript; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
]);

const known = new Map<string, Promise<string>>();

/** The response with an asset; `undefined` for any other name. */
export async function assetResponse(name: string): Promise<Response | undefined> {
  const type = TYPES.get(name);
  if (type === undefined) return undefined;
  const text = known.get(name) ?? textOf(name);
  known.set(name, text);
  return new Response(await text, {
    headers: { 'content-type': type, 'cache-control': 'private, max-age=300' },
  });
}

async function textOf(name: string): Promise<string> {
  if (!IS_SOURCE || !name.endsWith('.js')) return readFile(new URL(name, FOLDER), 'utf8');
  const source = await readFile(new URL(name.replace(/\.js$/, '.ts'), FOLDER), 'utf8');
  return stripTypeScriptTypes(source);
}
