/** Asks a server to change its connection to another protocol (RFC 9110, section 7.8), and hands it over. */
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { Fault } from '../../fault/fault.ts'
import { handshakeOptions, type PeerBook } from './peer-files.ts'
import { probeFault } from './probe-fault.ts'

const headerBytesMax = 16_384
/** What a server says to a refusal. */
const refusalBytesMax = 16_384

/** The server has changed. */
export interface Tunnel {
  readonly socket: Socket
  readonly headers: Readonly<Record<string, string | undefined>>
  /** As they came. */
  readonly rawHeaders: readonly string[]
  /** What it has said already. */
  readonly first: Buffer
}

/** The server has not. */
export interface TunnelRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** `headers`: by name, or names and values in turn, then with `host`; `connectMs`: for all of it. @throws {Fault} when there is no answer. */
export async function openTunnel(
  url: URL,
  headers: Readonly<Record<string, string>> | readonly string[],
  connectMs: number,
  peers: PeerBook,
): Promise<Tunnel | TunnelRefusal> {
  const { promise, resolve, reject } = Promise.withResolvers<Tunnel | TunnelRefusal>()
  const signal = AbortSignal.timeout(connectMs)
  const isTls = url.protocol === 'https:'
  const isSmall = peers.hellos.isSmall(`${url.hostname}:${url.port || 443}`)
  const options = {
    ...{ headers: headers as Record<string, string>, signal, agent: false, auth: null, maxHeaderSize: headerBytesMax },
    ...{ autoSelectFamilyAttemptTimeout: 250, lookup: peers.names.lookup },
  } as const
  const asked = isTls
    ? requestHttps(url, { ...options, ...handshakeOptions(url, peers, isSmall) })
    : requestHttp(url, options)
  asked.on('upgrade', (answer, socket, first) => {
    resolve({ socket, headers: answer.headers as Tunnel['headers'], rawHeaders: answer.rawHeaders, first })
  })
  asked.on('response', (answer) => void readRefusal(answer).then(resolve, reject))
  asked.on('error', reject)
  asked.end()
  try {
    return await promise
  } catch (thrown) {
    if (signal.aborted) throw new Fault('HF_CONNECT_TIMEOUT', { detail: `${url.host} after ${connectMs} ms` })
    throw probeFault(thrown)
  }
}

async function readRefusal(answer: IncomingMessage): Promise<TunnelRefusal> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes > refusalBytesMax) break
  }
  const headers = answer.headers as TunnelRefusal['headers']
  return { status: answer.statusCode ?? 0, headers, rawHeaders: answer.rawHeaders, body: Buffer.concat(pieces) }
}
