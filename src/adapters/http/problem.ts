/** An error as RFC 9457 has it; `detail` says what to do, and never holds a secret. */
export function problem(status: number, title: string, detail: string): Response {
  const body = JSON.stringify({ type: 'about:blank', title, status, detail });
  return new Response(body, { status, headers: { 'content-type': 'application/problem+json' } });
}
