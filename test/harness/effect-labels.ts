// Names of effects, fine enough that a crash in each has a meaning of its own.

/** The name of one call: an append is named by its stream's category and what it writes first. */
export function label(method: string, args: readonly unknown[]): string {
  if (method !== 'append') return method;
  const [stream, , events] = args;
  const category = /^[^.]+\.([a-z]+)/.exec(String(stream))?.[1] ?? String(stream);
  const [first] = Array.isArray(events) ? (events as { readonly type?: unknown }[]) : [];
  return `append ${category} ${String(first?.type)}`;
}
