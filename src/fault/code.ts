/**
 * The one table of everything that can go wrong. Every response, log line, metric and page reads it;
 * `docs/reference/faults.md` is printed from it and a test compares the two.
 */

/** Whose fault it was. `network` is what lies between us and an upstream; `upstream` is the model server itself. */
export type Source = 'client' | 'gateway' | 'network' | 'upstream' | 'third-party' | 'operator'

/**
 * May the same call be tried again by us?
 * `other`: on another upstream; `same`: at once on a fresh connection of the same one, else another;
 * `wait`: on another now, on the same one after its Retry-After; `no`: never.
 */
export type Retry = 'other' | 'same' | 'wait' | 'no'

export interface FaultKind {
  /** HTTP status for the caller when no head has been sent yet. 499 is only ever logged. */
  readonly status: number
  readonly source: Source
  readonly retry: Retry
  /** Proxy-Status error type, RFC 9209 section 2.3; null where the error is not one a proxy speaks of. */
  readonly proxyError: string | null
  /** The Envoy response flag that operators may know it by; empty when there is none. */
  readonly envoyFlag: string
  /** Value of `x-should-retry` for SDKs that obey it. */
  readonly shouldCallerRetry: boolean
  /** `error.type` and `error.code` in the OpenAI shape. */
  readonly openai: readonly [type: string, code: string]
  /** `error.type` in the Anthropic shape. */
  readonly anthropic: string
  /** A few words; the title of the error page. */
  readonly title: string
  /** One plain sentence for the person who sees it. */
  readonly sentence: string
  /** What the operator can do about it. */
  readonly cure: string
}

const upstreamDown = { openai: ['server_error', 'upstream_unavailable'], anthropic: 'api_error', shouldCallerRetry: true } as const
const upstreamSlow = { openai: ['server_error', 'upstream_timeout'], anthropic: 'api_error', shouldCallerRetry: true } as const
const badRequest = { source: 'client', retry: 'no', shouldCallerRetry: false, anthropic: 'invalid_request_error', envoyFlag: 'DPE' } as const

export const faultKinds = {
  HF_NO_UPSTREAM: {
    status: 503, source: 'upstream', retry: 'wait', proxyError: 'destination_unavailable', envoyFlag: 'UH',
    openai: ['service_unavailable_error', 'no_upstream'], anthropic: 'overloaded_error', shouldCallerRetry: true,
    title: 'No model server is available',
    sentence: 'Every model server for this model is down or resting after failures; we keep trying them.',
    cure: 'Look at the upstreams in /readyz and at their logs; start one, or add another to the pool.',
  },
  HF_MODEL_UNKNOWN: {
    ...badRequest, status: 404, proxyError: 'destination_not_found', envoyFlag: 'NR',
    openai: ['invalid_request_error', 'model_not_found'], anthropic: 'not_found_error',
    title: 'Unknown model', sentence: 'No model server here offers the model that was asked for.',
    cure: 'GET /v1/models lists what is offered; add the model or an alias to the configuration.',
  },
  HF_ROUTE_UNKNOWN: {
    ...badRequest, status: 404, proxyError: 'destination_not_found', envoyFlag: 'NR',
    openai: ['invalid_request_error', 'unknown_url'], anthropic: 'not_found_error',
    title: 'Nothing lives at this address', sentence: 'This gateway has no such path.',
    cure: 'Check the base URL of the client: it usually ends in /v1 for OpenAI clients, and has no path for Anthropic ones.',
  },
  HF_METHOD_UNKNOWN: {
    ...badRequest, status: 405, proxyError: 'http_request_error', openai: ['invalid_request_error', 'method_not_allowed'],
    title: 'Wrong method', sentence: 'This path exists, but not for this HTTP method.',
    cure: 'Model routes take POST, lists take GET; the Allow header names what this path takes.',
  },
  HF_ROUTE_UNSPOKEN: {
    status: 501, source: 'operator', retry: 'no', proxyError: 'destination_not_found', envoyFlag: 'NR', shouldCallerRetry: false,
    openai: ['invalid_request_error', 'unsupported_route'], anthropic: 'invalid_request_error',
    title: 'The model server does not speak this API',
    sentence: 'The model exists, but none of its servers offers this kind of request, and it cannot be translated.',
    cure: 'Use another route, or add an upstream that speaks this one (`speaks` in the upstream’s settings).',
  },
  HF_DNS_FAILED: {
    ...upstreamDown, status: 502, source: 'network', retry: 'other', proxyError: 'dns_error', envoyFlag: 'DF',
    title: 'The model server’s name does not resolve', sentence: 'The name of a model server could not be looked up.',
    cure: 'Check the host name in the upstream’s URL and the resolver of this machine.',
  },
  HF_DNS_TIMEOUT: {
    ...upstreamSlow, status: 504, source: 'network', retry: 'other', proxyError: 'dns_timeout', envoyFlag: 'DF',
    title: 'The name lookup took too long', sentence: 'The name of a model server was not resolved in time.',
    cure: 'Check the resolver of this machine, or give the upstream by address.',
  },
  HF_UPSTREAM_REFUSED: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'other', proxyError: 'connection_refused', envoyFlag: 'UF',
    title: 'The model server is not running', sentence: 'The model server refused the connection: it has crashed, or was not started.',
    cure: 'Start the model server, and check host and port in the upstream’s URL. A firewall that rejects looks the same.',
  },
  HF_CONNECT_TIMEOUT: {
    ...upstreamSlow, status: 504, source: 'network', retry: 'other', proxyError: 'connection_timeout', envoyFlag: 'UF',
    title: 'The model server cannot be reached', sentence: 'No connection to the model server came up in time.',
    cure: 'A firewall that drops, a host that is off, or a full accept queue: try the port from this machine.',
  },
  HF_NO_ROUTE: {
    ...upstreamDown, status: 502, source: 'network', retry: 'other', proxyError: 'destination_ip_unroutable', envoyFlag: 'UF',
    title: 'No network route to the model server', sentence: 'The network has no way to the model server.',
    cure: 'Check routes, the interface, and whether the host is up.',
  },
  HF_TLS_FAILED: {
    ...upstreamDown, status: 502, source: 'network', retry: 'other', proxyError: 'tls_protocol_error', envoyFlag: 'UF',
    title: 'No secure connection to the model server', sentence: 'The encrypted connection to the model server failed.',
    cure: 'Check that the upstream really speaks TLS on that port, and its protocol versions.',
  },
  HF_TLS_CERTIFICATE: {
    ...upstreamDown, status: 502, source: 'operator', retry: 'other', proxyError: 'tls_certificate_error', envoyFlag: 'UF',
    title: 'The model server’s certificate is not trusted', sentence: 'The model server showed a certificate that cannot be trusted.',
    cure: 'Renew the certificate, correct the host name in the URL, or give its authority to the gateway (NODE_EXTRA_CA_CERTS).',
  },
  HF_UPSTREAM_RESET: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'same', proxyError: 'connection_terminated', envoyFlag: 'UC',
    title: 'The model server hung up', sentence: 'The model server closed the connection before it answered.',
    cure: 'Look for a crash in the model server’s log; on a reused connection it may be its keep-alive limit.',
  },
  HF_FIRST_TOKEN_TIMEOUT: {
    ...upstreamSlow, status: 504, source: 'upstream', retry: 'other', proxyError: 'http_response_timeout', envoyFlag: 'UT',
    title: 'The model server did not begin to answer', sentence: 'The model server took the request, but no answer began in time.',
    cure: 'It may hang, be overloaded, or need longer for this prompt: see its queue, or raise `timeouts.firstTokenMs`.',
  },
  HF_UPSTREAM_CUT: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'other', proxyError: 'http_response_incomplete', envoyFlag: 'UC',
    title: 'The answer broke off', sentence: 'The model server broke off in the middle of the answer; what you have is not complete.',
    cure: 'Look for a crash or a deploy of the model server at this time.',
  },
  HF_UPSTREAM_STALLED: {
    ...upstreamSlow, status: 504, source: 'upstream', retry: 'other', proxyError: 'connection_read_timeout', envoyFlag: 'SI',
    title: 'The answer stopped coming', sentence: 'The model server fell silent in the middle of the answer; what you have is not complete.',
    cure: 'It hangs or the link is dead: see its progress counters, or raise `timeouts.interTokenMs`.',
  },
  HF_UPSTREAM_GARBLED: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'other', proxyError: 'http_protocol_error', envoyFlag: 'UPE',
    title: 'The model server’s answer makes no sense', sentence: 'What the model server sent is not a valid answer.',
    cure: 'Check that the URL points at a model API, and not at a web page or another protocol.',
  },
  HF_UPSTREAM_EMPTY: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'other', proxyError: 'http_response_incomplete', envoyFlag: 'UPE',
    title: 'The model server’s answer was empty', sentence: 'The model server said all was well, but sent nothing.',
    cure: 'Look at its log; a proxy in between may have dropped the body.',
  },
  HF_UPSTREAM_TOO_LARGE: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'no', proxyError: 'http_response_body_size', envoyFlag: 'UPE', shouldCallerRetry: false,
    title: 'The answer is too large', sentence: 'The model server’s answer is larger than this gateway passes on.',
    cure: 'Raise `journal.answerBytesMax`, or ask for less.',
  },
  HF_UPSTREAM_ERROR: {
    ...upstreamDown, status: 502, source: 'upstream', retry: 'other', proxyError: 'http_response_status', envoyFlag: '',
    title: 'The model server failed', sentence: 'The model server answered with an error of its own.',
    cure: 'Look at the model server’s log at this time.',
  },
  HF_UPSTREAM_BUSY: {
    status: 503, source: 'upstream', retry: 'wait', proxyError: 'http_response_status', envoyFlag: '', shouldCallerRetry: true,
    openai: ['service_unavailable_error', 'server_is_overloaded'], anthropic: 'overloaded_error',
    title: 'The model servers are busy', sentence: 'The model servers have more work than they can take right now.',
    cure: 'Add replicas or lower the load; the Retry-After header says when to come back.',
  },
  HF_UPSTREAM_RATE_LIMITED: {
    status: 429, source: 'third-party', retry: 'wait', proxyError: 'http_response_status', envoyFlag: '', shouldCallerRetry: true,
    openai: ['rate_limit_error', 'rate_limit_exceeded'], anthropic: 'rate_limit_error',
    title: 'The provider limits our rate', sentence: 'The provider of this model takes no more requests from this gateway for the moment.',
    cure: 'Raise the quota at the provider, or spread the load over more keys or providers.',
  },
  HF_UPSTREAM_KEY_REFUSED: {
    ...upstreamDown, status: 502, source: 'operator', retry: 'other', proxyError: 'http_request_denied', envoyFlag: '', shouldCallerRetry: false,
    title: 'The gateway’s own key was refused', sentence: 'The model server refused the gateway’s credentials; your own key is fine.',
    cure: 'Renew the key of this upstream, or correct the environment variable that holds it.',
  },
  HF_UPSTREAM_MODEL_MISSING: {
    ...upstreamDown, status: 502, source: 'operator', retry: 'other', proxyError: 'destination_not_found', envoyFlag: '',
    title: 'The model server does not have this model', sentence: 'The model server that should offer this model does not know it.',
    cure: 'Load the model there, or correct the name in the configuration.',
  },
  HF_CALL_REFUSED: {
    ...badRequest, status: 400, proxyError: null, openai: ['invalid_request_error', 'invalid_request'],
    title: 'The model server refused the request', sentence: 'The model server says that the request itself is wrong.',
    cure: 'The message of the model server says what; nothing is wrong with the servers.',
  },
  HF_CLIENT_GONE: {
    status: 499, source: 'client', retry: 'no', proxyError: null, envoyFlag: 'DC', shouldCallerRetry: false,
    openai: ['invalid_request_error', 'client_closed_request'], anthropic: 'invalid_request_error',
    title: 'The caller left', sentence: 'The caller closed the connection before the answer was complete.',
    cure: 'Nothing to do, unless callers leave because answers are slow.',
  },
  HF_CANCELLED: {
    status: 499, source: 'client', retry: 'no', proxyError: null, envoyFlag: 'DC', shouldCallerRetry: false,
    openai: ['invalid_request_error', 'cancelled'], anthropic: 'invalid_request_error',
    title: 'Cancelled', sentence: 'This answer was cancelled by its owner.', cure: 'Nothing to do.',
  },
  HF_BAD_JSON: {
    ...badRequest, status: 400, proxyError: 'http_request_error', openai: ['invalid_request_error', 'invalid_json'],
    title: 'The body is not valid JSON', sentence: 'The request’s body could not be read as JSON.',
    cure: 'The message names the place; check encoding (UTF-8) and commas.',
  },
  HF_BAD_CALL: {
    ...badRequest, status: 400, proxyError: 'http_request_error', openai: ['invalid_request_error', 'invalid_value'],
    title: 'The request is not well formed', sentence: 'A field of the request is missing or has the wrong type.',
    cure: 'The message and `param` name the field.',
  },
  HF_BAD_HTTP: {
    ...badRequest, status: 400, proxyError: 'http_request_error', openai: ['invalid_request_error', 'bad_http'],
    title: 'Not a proper HTTP request', sentence: 'The request breaks the rules of HTTP and was not read further.',
    cure: 'A broken client, or someone probing; the details are in the log.',
  },
  HF_MEDIA_TYPE: {
    ...badRequest, status: 415, proxyError: 'http_request_error', openai: ['invalid_request_error', 'unsupported_media_type'],
    title: 'Unknown kind of body', sentence: 'This route takes a JSON body, uncompressed.',
    cure: 'Send `content-type: application/json` and no content-encoding.',
  },
  HF_BODY_TOO_LARGE: {
    ...badRequest, status: 413, proxyError: 'http_request_error', openai: ['invalid_request_error', 'request_too_large'], anthropic: 'request_too_large',
    title: 'The request is too large', sentence: 'The request’s body is larger than this gateway takes.',
    cure: 'Send less, or raise `limits.bodyBytesMax`.',
  },
  HF_HEADERS_TOO_LARGE: {
    ...badRequest, status: 431, proxyError: 'http_request_error', openai: ['invalid_request_error', 'headers_too_large'],
    title: 'The request’s headers are too large', sentence: 'The request carries more header bytes than this gateway takes.',
    cure: 'Send fewer or smaller headers (cookies are the usual cause).',
  },
  HF_BODY_TIMEOUT: {
    ...badRequest, status: 408, proxyError: 'http_request_error', openai: ['invalid_request_error', 'request_timeout'], shouldCallerRetry: true,
    title: 'The request came too slowly', sentence: 'The request was not complete in time.',
    cure: 'A very slow link or a client that stopped sending; raise `limits.requestMs` if it is expected.',
  },
  HF_KEY_UNKNOWN: {
    ...badRequest, status: 401, proxyError: 'http_request_denied', envoyFlag: 'UAEX', openai: ['authentication_error', 'invalid_api_key'], anthropic: 'authentication_error',
    title: 'Unknown API key', sentence: 'The request carries no key that this gateway knows.',
    cure: 'Send `authorization: Bearer …` or `x-api-key: …` with a key from the configuration.',
  },
  HF_MODEL_FORBIDDEN: {
    ...badRequest, status: 403, proxyError: 'http_request_denied', envoyFlag: 'UAEX', openai: ['permission_error', 'model_forbidden'], anthropic: 'permission_error',
    title: 'This key may not use this model', sentence: 'The API key is valid, but not for this model.',
    cure: 'Use another model, or add it to the `models` of the key.',
  },
  HF_QUEUE_FULL: {
    status: 503, source: 'gateway', retry: 'no', proxyError: 'connection_limit_reached', envoyFlag: 'UO', shouldCallerRetry: true,
    openai: ['service_unavailable_error', 'server_is_overloaded'], anthropic: 'overloaded_error',
    title: 'Too much at once', sentence: 'This gateway has more work in hand than it takes at once.',
    cure: 'Come back after the time in Retry-After; raise `limits.callsLiveMax` if the machine can bear it.',
  },
  HF_DEADLINE: {
    ...upstreamSlow, status: 504, source: 'gateway', retry: 'no', proxyError: 'http_response_timeout', envoyFlag: 'DT',
    title: 'Out of time', sentence: 'The time allowed for this request ran out.',
    cure: 'Raise `timeouts.totalMs`, or ask for a shorter answer.',
  },
  HF_ATTEMPTS_SPENT: {
    ...upstreamDown, status: 503, source: 'upstream', retry: 'no', proxyError: 'destination_unavailable', envoyFlag: 'URX',
    title: 'All tries failed', sentence: 'Several model servers were tried for this request, and all failed.',
    cure: 'The attempts in the log name each cause.',
  },
  HF_POISON: {
    ...badRequest, status: 422, proxyError: 'http_request_denied', envoyFlag: 'QP', openai: ['invalid_request_error', 'quarantined'],
    title: 'This request is in quarantine', sentence: 'This very request brought down more than one model server and is not sent again.',
    cure: 'Report it to the makers of the model server with the Ray ID.',
  },
  HF_MAINTENANCE: {
    status: 503, source: 'operator', retry: 'no', proxyError: 'destination_unavailable', envoyFlag: '', shouldCallerRetry: true,
    openai: ['service_unavailable_error', 'maintenance'], anthropic: 'overloaded_error',
    title: 'Planned maintenance', sentence: 'This service is in planned maintenance.',
    cure: 'The Retry-After header says when it ends.',
  },
  HF_CLOSING: {
    status: 503, source: 'operator', retry: 'no', proxyError: 'destination_unavailable', envoyFlag: '', shouldCallerRetry: true,
    openai: ['service_unavailable_error', 'shutting_down'], anthropic: 'overloaded_error',
    title: 'This gateway is being restarted', sentence: 'This gateway is shutting down; another try reaches its successor.',
    cure: 'Nothing to do.',
  },
  HF_LOOP: {
    status: 508, source: 'operator', retry: 'no', proxyError: 'proxy_loop_detected', envoyFlag: '', shouldCallerRetry: false,
    openai: ['server_error', 'loop'], anthropic: 'api_error',
    title: 'The request runs in a circle', sentence: 'This request has already passed through this gateway.',
    cure: 'An upstream’s URL points back at the gateway: correct it.',
  },
  HF_JOURNAL_FULL: {
    status: 507, source: 'gateway', retry: 'no', proxyError: 'proxy_internal_error', envoyFlag: '', shouldCallerRetry: true,
    openai: ['server_error', 'journal_full'], anthropic: 'api_error',
    title: 'The journal is full', sentence: 'No more answers can be kept safe right now, so no new one is begun.',
    cure: 'Free disk space in the state folder, or raise `journal.totalBytesMax`.',
  },
  HF_CONFIG: {
    status: 500, source: 'operator', retry: 'no', proxyError: 'proxy_configuration_error', envoyFlag: '', shouldCallerRetry: false,
    openai: ['server_error', 'configuration_error'], anthropic: 'api_error',
    title: 'The configuration is wrong', sentence: 'The gateway’s configuration does not allow this request to be served.',
    cure: '`holdfast check` names the file, the line and the cure.',
  },
  HF_INTERNAL: {
    status: 500, source: 'gateway', retry: 'no', proxyError: 'proxy_internal_error', envoyFlag: '', shouldCallerRetry: true,
    openai: ['server_error', 'internal_error'], anthropic: 'api_error',
    title: 'A fault of the gateway', sentence: 'The gateway made a mistake of its own.',
    cure: 'A bug of ours: please report it with the Ray ID and the log lines around it.',
  },
} as const satisfies Record<string, FaultKind>

export type FaultCode = keyof typeof faultKinds

/** The table's row for a code, seen as the common shape. */
export function faultKind(code: FaultCode): FaultKind {
  return faultKinds[code]
}
