// What commands on channels lead to. Expected outcomes are values.
import type { ChannelRejection } from '../../domain/channel/commands.ts';
import type { ChannelView } from './view.ts';

/** It was refused, and nothing was written. */
export type ChannelRejected = { readonly outcome: 'rejected' } & ChannelRejection;

/** `unchanged`: it was so already, and nothing was written. */
export type ChannelResult =
  { readonly outcome: 'changed' | 'unchanged'; readonly channel: ChannelView } | ChannelRejected;

/** As {@link ChannelResult}; a generic webhook's signing secret that was made is told once, here. */
export type PutChannelResult =
  | {
      readonly outcome: 'changed' | 'unchanged';
      readonly channel: ChannelView;
      readonly generatedSecret?: string | undefined;
    }
  | ChannelRejected;

/** What a test message led to; the channel keeps it as its last test. */
export type TestChannelResult =
  | {
      readonly outcome: 'tested';
      readonly status: 'success' | 'failed';
      /** What the sender made of the answer, such as `accepted` or `permanent`. */
      readonly answer: string;
      readonly code: string;
      readonly detail?: string | undefined;
      readonly channel: ChannelView;
    }
  | ChannelRejected;
