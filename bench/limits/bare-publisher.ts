// The limit of `project`: the same messages into a JetStream stream by the raw client, fenced and
// pipelined, one wildcard inbox for all acks. Header blocks are bytes before the clock starts; there is
// no log to read, no verdict, no read model, and nothing is kept for a crash.
import { connect, headers } from 'nats';

/** A message that is ready for the socket. */
export type ReadyMessage = {
  readonly subject: string;
  /** The header block in wire form, its `Nats-Expected-Last-Sequence` included. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
};

const MAX_IN_FLIGHT = 4096;

/** Stores the messages from sequence 1 on and tells the seconds until the last ack. */
export async function barePublisher(
  url: string,
  stream: string,
  messages: readonly ReadyMessage[],
): Promise<number> {
  const client = await connect({ servers: url, noAsyncTraces: true, inboxPrefix: '_INBOX.bare' });
  let head: Uint8Array = new Uint8Array(0);
  // The client's own header class costs more than the rest of a publish; only `encode` is ever called.
  const options = { headers: Object.assign(headers(), { encode: () => head }), reply: '' };
  const done: PromiseWithResolvers<void> = Promise.withResolvers();
  let [sent, acked] = [0, 0];
  const pump = (): void => {
    for (; sent < messages.length && sent - acked < MAX_IN_FLIGHT; sent += 1) {
      const message = messages[sent];
      if (message === undefined) return;
      head = message.head;
      options.reply = `_INBOX.bare.${sent + 1}`;
      client.publish(message.subject, message.body, options);
    }
  };
  const onAck = (error: Error | null, text: string): void => {
    if (error !== null || text !== `{"stream":"${stream}", "seq":${acked + 1}}`) {
      done.reject(error ?? new Error(`not the ack of message ${acked + 1}: ${text}`));
    } else if (++acked === messages.length) done.resolve();
    else if (sent - acked <= MAX_IN_FLIGHT / 2) pump();
  };
  client.subscribe('_INBOX.bare.*', {
    callback: (error, ack) => {
      onAck(error, ack.string());
    },
  });
  const begun = performance.now();
  pump();
  await done.promise;
  const seconds = (performance.now() - begun) / 1000;
  await client.close();
  return seconds;
}
