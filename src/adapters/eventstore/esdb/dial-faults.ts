// The meaning of a failed dial, by the codes of Node and OpenSSL, and what to do.

type DialFault = { readonly code: string; readonly why: string; readonly hint: string };

/** The server has closed a connection before HTTP/2 was ready on it. */
export class ClosedEarly extends Error {
  /** True when the connection was plain text. */
  readonly isPlain: boolean;

  constructor(isPlain: boolean) {
    super('the server closed the connection before it was ready');
    this.isPlain = isPlain;
  }
}

type Row = readonly [code: string, why: string, hint: string];

const PLAIN_SERVER: Row = [
  'store_tls_mismatch',
  'the server speaks plain text, not TLS',
  'Add tls=false to the connection string (credentials are then sent to this machine only), or start the server with TLS.',
];
const UNTRUSTED: Row = [
  'store_certificate_untrusted',
  'its certificate is not trusted',
  'Give the certificate of the CA that signed it as tlsCAFile, or in NODE_EXTRA_CA_CERTS.',
];
const PEM_HINT =
  'Give files in PEM: the CA’s certificate, and a client certificate with its own key.';

const FAULTS: Readonly<Record<string, Row>> = {
  ECONNREFUSED: [
    'store_unavailable',
    'the connection is refused',
    'Check that the server runs, and its port.',
  ],
  ENOTFOUND: [
    'store_unavailable',
    'the host name is unknown',
    'Check the host name in the connection string.',
  ],
  EAI_AGAIN: [
    'store_unavailable',
    'the host name cannot be looked up',
    'Check the network and its name server.',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: PLAIN_SERVER,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: PLAIN_SERVER,
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'store_certificate_host',
    'its certificate is for another host',
    'Use a host name or an address that the certificate names.',
  ],
  CERT_HAS_EXPIRED: [
    'store_certificate_expired',
    'its certificate has expired',
    'Renew the certificate of the server.',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: [
    'certificate',
    'the key does not fit the client certificate',
    PEM_HINT,
  ],
};

/** Why a dial failed, or `undefined` for a cause without a name. */
export function dialFault(error: unknown): DialFault | undefined {
  if (error instanceof ClosedEarly && error.isPlain) {
    return {
      code: 'store_tls_mismatch',
      why: `${error.message}; it may speak TLS`,
      hint: 'Remove tls=false from the connection string if the server uses TLS.',
    };
  }
  const cause = error instanceof Error && 'code' in error ? String(error.code) : '';
  const [code, why, hint] = FAULTS[cause] ?? [];
  if (code !== undefined && why !== undefined && hint !== undefined) {
    // The code is what people search for.
    return { code, why: `${why} (${cause})`, hint };
  }
  if (!cause.startsWith('ERR_OSSL_')) return undefined;
  return {
    code: 'certificate',
    why: `a certificate file or a key cannot be used (${cause})`,
    hint: PEM_HINT,
  };
}
