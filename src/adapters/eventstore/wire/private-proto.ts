// Gives the generated classes of an official client their own global object. The classes of `@eventstore/db-client`
// and of `@kurrent/kurrentdb-client` use the same global object `proto.event_store.client`. There the classes of
// one client would replace the classes of the other, and the host's appends would fail.
import { readdirSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction, createContext, type Context } from 'node:vm';

const require = createRequire(import.meta.url);

/**
 * Call it before the first import of the client; classes that the host has loaded before stay as they are.
 *
 * @param generated one of the client's generated files
 */
export function keepProtoPrivate(generated: string): void {
  const folder = folderOf(generated);
  if (folder === undefined) return;
  const context = createContext({ proto: {} });
  for (const name of readdirSync(folder)) {
    if (name.endsWith('_pb.js') && !name.endsWith('_grpc_pb.js')) load(join(folder, name), context);
  }
}

function folderOf(generated: string): string | undefined {
  try {
    return dirname(require.resolve(generated));
  } catch {
    // A bundler has copied the client into the host's own file, or the import that follows fails.
    return undefined;
  }
}

/** Runs a generated file as `require` would, but with the context's global object. */
function load(file: string, context: Context): void {
  if (file in require.cache) return;
  const module = new Module(file);
  module.filename = file;
  require.cache[file] = module;
  const requireBeside = createRequire(file);
  const requireInContext = (name: string): unknown => {
    const path = requireBeside.resolve(name);
    if (dirname(path) === dirname(file)) load(path, context);
    const found: unknown = requireBeside(name);
    return found;
  };
  const run = compileFunction(readFileSync(file, 'utf8'), ['exports', 'require'], {
    filename: file,
    parsingContext: context,
  });
  Reflect.apply(run, module.exports, [module.exports, requireInContext]);
  module.loaded = true;
}
