// Instants as a NATS server writes them.

/** Milliseconds since 1970; `undefined` for no instant, and for the year 1 that a server writes for none. */
export function instantOf(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return time > 0 ? time : undefined;
}
