// The options and the result of `openTocsin`.
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Sender } from '../domain/ports/sender.ts';
import type { HttpAppOptions } from '../adapters/http/app.ts';
import type { Tokens } from '../kernel/access/tokens.ts';
import type { Audit } from '../kernel/create-audit.ts';
import type { Deliveries } from '../kernel/deliveries.ts';
import type { Kernel, KernelOptions } from '../kernel/open-kernel.ts';
import type { ChannelSpec } from '../kernel/processes/delivery/open-channel.ts';
import type { DeliveryOptions } from '../kernel/processes/delivery/processes.ts';
import type { ProjectorStatus } from '../projections/publisher/status.ts';
import type { Output } from '../projections/output.ts';
import type { ReadModel } from '../projections/read-model.ts';

/** The addresses of each channel, by the channel's name. */
export type Channels<Addresses> = {
  readonly [Name in keyof Addresses]: ChannelSpec<Addresses[Name]>;
};

/** Options of {@link openTocsin}. Whoever brings a part also closes it. */
export type TocsinOptions<Addresses> = Omit<KernelOptions, 'store' | 'texts' | 'channels'> &
  Pick<DeliveryOptions, 'texts' | 'frontendUrl' | 'profile' | 'onUnknown' | 'logger'> & {
    /** The folder of all files; made if missing. One process owns it. */
    readonly folder: string;
    /** Channels of your own; `feishu` and `webhook` need a vault and a `send`. */
    readonly channels?: Channels<Addresses>;
    /** Default: `events.db` in the folder. */
    readonly store?: EventStore;
    /** Default: `messages.db` in the folder, without a broker. Bring `requests` too. */
    readonly output?: Output;
    readonly requests?: DeliveryOptions['requests'];
    /** Default: `state.db` in the folder. */
    readonly state?: ReadModel;
    /** The API of {@link Tocsin.fetch}. Default: tokens of the log, at `/`. */
    readonly api?: Pick<HttpAppOptions, 'basePath' | 'rate' | 'maxBodyBytes'> &
      Partial<Pick<HttpAppOptions, 'authenticate'>>;
    /** Sends to `feishu` and `webhook`, usually a `channelSender`. */
    readonly send?: Sender;
  };

/** Everything in one process: the kernel, and what makes notifications of its triggers. */
export interface Tocsin extends Kernel {
  /**
   * Projects and delivers until the signal, or until it is closed, through outages. Call it once at a time.
   * @throws TocsinError `refused` where going on could lose or double a notification
   */
  run(signal: AbortSignal): Promise<void>;
  /** The deliveries of this folder: list, history, redrive. */
  readonly deliveries: Deliveries;
  /**
   * Answers a request to the HTTP API, so that any server can mount it. Name the path
   * as `api.basePath`.
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /** The tokens with which callers of the API authenticate. */
  readonly tokens: Tokens;
  /** The projection's state, for health checks. */
  status(): ProjectorStatus;
  /** Audits the log beside a running projection. Dispose it: it has files open. */
  audit(): Audit & AsyncDisposable;
}
