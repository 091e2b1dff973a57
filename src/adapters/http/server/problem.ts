/** An error response by RFC 9457. `detail` says what to do and never holds a secret. */
export function problem(
  status: number,
  title: string,
  detail: string,
  more: {
    readonly type?: string;
    readonly members?: object;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Response {
  const { type = 'about:blank', members } = more;
  const headers = new Headers(more.headers);
  headers.set('content-type', 'application/problem+json');
  return new Response(JSON.stringify({ type, title, status, detail, ...members }), {
    status,
    headers,
  });
}
