// The HTTP API of the parts in this process, loaded by its first request.
import type { HttpApp, HttpAppOptions } from '../adapters/http/app.ts';
import type { SecretVault } from '../domain/ports/secret-vault.ts';
import type { Kernel } from '../kernel/open-kernel.ts';
import type { Tokens } from '../kernel/access/tokens.ts';

type Parts = Partial<Pick<HttpAppOptions, 'authenticate' | 'basePath' | 'rate' | 'maxBodyBytes'>> &
  Required<Pick<HttpAppOptions, 'deliveries' | 'logger' | 'telemetry'>> & {
    readonly kernel: Kernel;
    readonly tokens: Tokens;
    /** Without a vault users have no channels. */
    readonly vault: SecretVault | undefined;
  };

export function apiOf({ tokens, vault, ...parts }: Parts): HttpApp['fetch'] {
  let app: Promise<HttpApp> | undefined;
  const open = async (): Promise<HttpApp> => {
    const [{ createHttpApp }, { bearerTokens }] = await Promise.all([
      import('../adapters/http/app.ts'),
      import('../adapters/http/endpoint/caller.ts'),
    ]);
    const { kernel, authenticate = bearerTokens(tokens) } = parts;
    const channels = vault === undefined ? {} : { channels: kernel.channels };
    return createHttpApp({ ...parts, ...channels, authenticate });
  };
  return async (request) => (await (app ??= open())).fetch(request);
}
