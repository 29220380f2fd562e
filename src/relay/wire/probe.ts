/** Asks a model server what it is and which models it offers; for slow loops, never on a call's way. */
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Fault } from '../../fault/fault.ts'
import type { UpstreamKind } from '../../fleet/upstream-kind.ts'
import { handshakeOptions, type PeerBook } from './peer-files.ts'
import { probeFault } from './probe-fault.ts'
import { mayBeTooLarge } from './wire-fault.ts'

/** A list of models longer than this is not a list of models. */
const bodyBytesMax = 4 * 2 ** 20
const modelsMax = 5000
/** What servers say that are well, but have no list of models, none without the caller's own key, or none so often. */
const unlisted: ReadonlySet<number> = new Set([401, 403, 404, 405, 429, 501])

export interface Findings {
  /** Null when the server answers, but has no list of models for us: not every one offers it, or to this key. */
  readonly models: readonly string[] | null
  /** Null when the server did not give itself away. */
  readonly kind: UpstreamKind | null
}

export interface Credentials {
  readonly kind: UpstreamKind
  readonly key: string | null
}

/**
 * `base`: URL as configured, usually ending in /v1. Rejects when the server does not answer properly, with
 * HF_CONNECT_TIMEOUT when it does not within `timeoutMs`: it may only be busy. The words tell whether there was a
 * connection at least.
 */
export async function probe(
  base: URL,
  credentials: Credentials,
  timeoutMs: number,
  peers?: PeerBook,
): Promise<Findings> {
  let isThere = false
  const signal = AbortSignal.timeout(timeoutMs)
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(lateFault(isThere, timeoutMs)), { once: true })
  })
  late.catch(() => {})
  try {
    return await Promise.race([ask(base, credentials, { signal, peers, onThere: () => (isThere = true) }), late])
  } catch (thrown) {
    throw probeFault(thrown)
  }
}

function lateFault(isThere: boolean, timeoutMs: number): Fault {
  const what = isThere ? 'no answer' : 'no connection'
  return new Fault('HF_CONNECT_TIMEOUT', { detail: `${what} within ${timeoutMs} ms` })
}

interface Dialling {
  readonly signal: AbortSignal
  readonly peers: PeerBook | undefined
  /** There is a connection; with TLS, hands are still to be shaken. */
  readonly onThere: () => void
}

async function ask(base: URL, credentials: Credentials, dialling: Dialling): Promise<Findings> {
  const prefix = base.pathname.replace(/\/$/, '')
  const url = new URL(`${prefix}/models${base.search}`, base)
  const answer = await get(url, authorization(credentials), dialling)
  const { statusCode = 0 } = answer
  const text = await readText(answer)
  if (unlisted.has(statusCode)) return { models: null, kind: guessKind(base, {}, answer.headers) }
  if (statusCode !== 200) throw new Error(`GET ${prefix}/models answered ${statusCode}`)
  const list = JSON.parse(text) as { data?: ({ id?: unknown; owned_by?: unknown; type?: unknown } | null)[] } | null
  if (!Array.isArray(list?.data)) throw new Error(`GET ${prefix}/models answered something that is no list of models`)
  const models = list.data.map((each) => each?.id).filter((id) => typeof id === 'string')
  return { models: models.slice(0, modelsMax), kind: guessKind(base, list, answer.headers) }
}

/** With a small first message where the peer is known for it, or when the handshake with a large one breaks. */
async function get(url: URL, headers: Record<string, string>, dialling: Dialling): Promise<IncomingMessage> {
  const { peers } = dialling
  if (url.protocol !== 'https:' || !peers) return await getOnce(url, headers, dialling, false)
  const peer = `${url.hostname}:${url.port || 443}`
  const isSmall = peers.hellos.isSmall(peer)
  const stage: { isSecured: boolean } = { isSecured: false }
  const onSecured = (wasSmall: boolean) => (): void => {
    stage.isSecured = true
    peers.hellos.worked(peer, wasSmall)
  }
  let isThere = false
  const onThere = (): void => {
    isThere = true
    dialling.onThere()
  }
  try {
    return await getOnce(url, headers, { ...dialling, onThere }, isSmall, onSecured(isSmall))
  } catch (error) {
    const isBroken = isThere && !stage.isSecured && mayBeTooLarge(error as Error)
    if (!isBroken || isSmall || dialling.signal.aborted) throw error
    return await getOnce(url, headers, dialling, true, onSecured(true))
  }
}

/** One question, one connection: nothing of it is left open. */
function getOnce(
  url: URL,
  headers: Record<string, string>,
  { signal, peers, onThere }: Dialling,
  isSmall: boolean,
  onSecured?: () => void,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const isTls = url.protocol === 'https:'
  const options = { headers, signal, agent: false, auth: null, maxHeaderSize: 16_384 } as const
  const dial = { autoSelectFamilyAttemptTimeout: 250, ...(peers && { lookup: peers.names.lookup }) }
  const asked = isTls
    ? requestHttps(url, { ...options, ...dial, ...handshakeOptions(url, peers, isSmall) }, resolve)
    : requestHttp(url, { ...options, ...dial }, resolve)
  asked
    .on('error', reject)
    .on('socket', (socket) => {
      socket.once('connect', onThere)
      if (onSecured) socket.once('secureConnect', onSecured)
    })
    .end()
  return promise
}

function authorization({ kind, key }: Credentials): Record<string, string> {
  if (!key) return {}
  if (kind === 'anthropic') return { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
  return { authorization: `Bearer ${key}` }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > bodyBytesMax) throw new Error('the list of models is too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

const kindByHost: Readonly<Record<string, UpstreamKind>> = {
  'api.anthropic.com': 'anthropic',
  'api.openai.com': 'openai',
  'api.mistral.ai': 'mistral',
  'api.deepseek.com': 'deepseek',
}

/** Servers name themselves in `owned_by` of their models, in headers, or by their host. */
function guessKind(
  base: URL,
  list: { data?: ({ owned_by?: unknown; type?: unknown } | null)[] },
  headers: IncomingHttpHeaders,
): UpstreamKind | null {
  const known = kindByHost[base.hostname]
  if (known) return known
  const owner = list.data?.[0]?.owned_by
  if (owner === 'vllm' || owner === 'sglang' || owner === 'llamacpp') return owner
  if (owner === 'library' || base.port === '11434') return 'ollama'
  if (owner === 'organization_owner' || base.port === '1234') return 'lmstudio'
  if (list.data?.[0]?.type === 'model') return 'anthropic'
  return 'openai-version' in headers ? 'openai' : null
}
