// Follows the streams of channels and the stream of tokens: both have few events.
import { accessCodec } from '../../../domain/access/events.ts';
import { evolveAccess, initialAccess } from '../../../domain/access/state.ts';
import { channelCodec } from '../../../domain/channel/events.ts';
import { channelStream } from '../../../domain/channel/stream.ts';
import { uuidOf } from '../../../domain/core/ids.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { eventText, type Findings } from './mismatches.ts';
import { UNKNOWN_STORY, type Story } from './streams.ts';

/** The story is twice the version, plus one while the channel is configured. */
const VERSION = 2;

export class ChannelStories {
  readonly #kernel: string;
  readonly #findings: Findings;
  #tokens = initialAccess;

  constructor(kernel: string, findings: Findings) {
    this.#kernel = kernel;
    this.#findings = findings;
  }

  readonly follow = (event: RecordedEvent, story: Story): Story => {
    const decoded = channelCodec.decode(event);
    if (decoded.kind === 'unknown') return story;
    const where = eventText(event);
    if (decoded.kind === 'fault') {
      this.#findings.add('event_changed', where, `it cannot be read: ${decoded.fault.detail}`);
      return UNKNOWN_STORY;
    }
    const { type, data } = decoded.event;
    const own = channelStream(this.#kernel, data.userId, data.channel);
    if (own !== event.stream) this.#findings.add('event_changed', where, `it belongs to ${own}`);
    const [version, isConfigured] = [Math.floor(story / VERSION), story % VERSION === 1];
    const expected = type === 'ChannelConfigured' ? version + 1 : version;
    if (data.version > expected) {
      const detail = `it is about version ${data.version}, and version ${version} is the last one before it`;
      this.#findings.add('event_missing', `before ${where}`, detail);
    } else if (data.version < expected || (type !== 'ChannelConfigured' && !isConfigured)) {
      const detail = `no command writes it about version ${data.version}: the channel is ${isConfigured ? `at version ${version}` : 'not configured'}`;
      this.#findings.add('event_added', where, detail);
      return story;
    }
    return data.version * VERSION + (type === 'ChannelRemoved' ? 0 : 1);
  };

  /** Checks an event of the stream of tokens. */
  access(event: RecordedEvent): void {
    const decoded = accessCodec.decode(event);
    if (decoded.kind === 'unknown') return;
    const where = eventText(event);
    if (decoded.kind === 'fault') {
      this.#findings.add('event_changed', where, `it cannot be read: ${decoded.fault.detail}`);
      return;
    }
    const { type, data } = decoded.event;
    const token = this.#tokens.get(data.tokenId);
    if (type === 'TokenCreated' && token !== undefined)
      this.#findings.add('event_added', where, `token ${data.tokenId} was created before`);
    if (type === 'TokenRevoked' && token === undefined)
      this.#findings.add('event_missing', `before ${where}`, `TokenCreated of ${data.tokenId}`);
    if (type === 'TokenRevoked' && token?.revoked === true)
      this.#findings.add('event_added', where, `token ${data.tokenId} was revoked before`);
    this.#tokens = evolveAccess(this.#tokens, decoded.event);
  }
}

/** The UUID of the stream of a user's channel. */
export function channelUuid(user: string, channel: string): string {
  return uuidOf(user, channel);
}

/** The last version that a story knows. */
export function versionOf(story: Story): number {
  return story === UNKNOWN_STORY ? UNKNOWN_STORY : Math.floor(story / VERSION);
}
