/**
 * The Docker Engine API, as far as replicas need it, by `docker-modem`: the transport of `dockerode` (sockets, TCP,
 * TLS, SSH, framed logs) without the gRPC that `dockerode` brings for building images. Each question has a time limit
 * and each answer a size; a failure says what to do about it.
 */
import { PassThrough, type Readable } from 'node:stream'
import type Modem from 'docker-modem'
import { DriverFault } from '../driver-fault.ts'

/** Of the API; every engine since Docker 20.10 and Podman 4 speaks it. */
const version = 'v1.41'
const askMs = 30_000
const logBytesMax = 256 * 1024
const lineBytesMax = 1024 * 1024
const answerBytesMax = 32 * 1024 * 1024

export type Query = Readonly<Record<string, unknown>>

export interface EngineQuestion {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly query?: Query
  readonly body?: unknown
  /** Statuses beside 2xx that are an answer and no failure; they give null. */
  readonly orElse?: readonly number[]
  readonly limitMs?: number
}

export interface EngineAddress {
  /** As in `DOCKER_HOST`; null: the socket of this machine. */
  readonly host: string | null
  readonly certs: { readonly ca: string; readonly cert: string; readonly key: string } | null
}

interface EngineError extends Error {
  readonly statusCode?: number
  readonly code?: string
  readonly json?: { readonly message?: string } | null
}

const accepted = { 200: true, 201: true, 204: true, 304: true } as const

export class DockerEngine {
  readonly where: string
  #modem: Modem

  private constructor(modem: Modem, where: string) {
    this.#modem = modem
    this.where = where
  }

  /** Loads the library; asks nothing yet. */
  static async open(address: EngineAddress): Promise<DockerEngine> {
    const { default: Library } = await import('docker-modem')
    return new DockerEngine(
      new Library({ ...optionsOf(address), version }),
      address.host ?? 'unix:///var/run/docker.sock',
    )
  }

  /** Asks for JSON. @throws DriverFault */
  async ask<Answer>(question: EngineQuestion): Promise<Answer | null> {
    const { limitMs = askMs, orElse = [] } = question
    const signal = AbortSignal.timeout(limitMs)
    try {
      const stream = await this.#dial(question, signal)
      return this.#read(await readText(stream, signal)) as Answer | null
    } catch (error) {
      if (error instanceof DriverFault) throw error
      const { statusCode } = error as EngineError
      if (statusCode !== undefined && orElse.includes(statusCode)) return null
      throw this.#fault(question, error as EngineError, limitMs, signal.aborted)
    }
  }

  #read(text: string): unknown {
    if (text.trim() === '') return null
    try {
      return JSON.parse(text)
    } catch (cause) {
      const cure = 'see that it is a Docker engine'
      throw new DriverFault('refused', `What answers at ${this.where} is no JSON`, cure, cause)
    }
  }

  /** Follows an answer of JSON lines until it ends, or `signal` ends it. @throws DriverFault */
  async follow(question: EngineQuestion, onLine: (line: Query) => void, signal: AbortSignal): Promise<void> {
    try {
      const stream = await this.#dial(question, signal)
      await readLines(stream, onLine, signal)
    } catch (error) {
      if (!signal.aborted) throw this.#fault(question, error as EngineError, askMs, false)
    }
  }

  /** The last lines of a container, both streams as they came; at most 256 KiB. @throws DriverFault */
  async logs(id: string, lines: number): Promise<string> {
    const question = { path: `/containers/${id}/logs`, query: { stdout: true, stderr: true, tail: String(lines) } }
    const signal = AbortSignal.timeout(askMs)
    try {
      const stream = await this.#dial(question, signal)
      return await this.#unframe(stream, signal)
    } catch (error) {
      const { statusCode } = error as EngineError
      // Some log drivers cannot be read (501), and a container may be gone by now.
      if (statusCode === 404 || statusCode === 409 || statusCode === 501) return ''
      throw this.#fault(question, error as EngineError, askMs, signal.aborted)
    }
  }

  async #unframe(stream: Readable, signal: AbortSignal): Promise<string> {
    const text = new PassThrough({ highWaterMark: logBytesMax })
    const kept: Buffer[] = []
    let keptBytes = 0
    text.on('data', (piece: Buffer) => {
      kept.push(piece)
      keptBytes += piece.length
      while (keptBytes > logBytesMax && kept.length > 1) keptBytes -= kept.shift()?.length ?? 0
    })
    this.#modem.demuxStream(stream, text, text)
    await ended(stream, signal)
    return Buffer.concat(kept).toString('utf8').slice(-logBytesMax)
  }

  /** The head of the answer; its body is to be read. */
  #dial({ method = 'GET', path, query = {}, body }: EngineQuestion, signal: AbortSignal): Promise<Readable> {
    return new Promise((resolve, reject) => {
      // The library does not call back where an answer breaks off.
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      const options = { _query: filled(query), _body: body ?? {} }
      const hasQuery = Object.keys(options._query).length > 0
      this.#modem.dial(
        {
          path: hasQuery ? `${path}?` : path,
          method,
          options,
          abortSignal: signal,
          isStream: true,
          statusCodes: accepted,
        },
        (error, answer) => (error ? reject(error) : resolve(answer as Readable)),
      )
    })
  }

  #fault({ method = 'GET', path }: EngineQuestion, error: EngineError, limitMs: number, isLate: boolean): DriverFault {
    const { statusCode } = error
    const said = error.json?.message ?? error.message.replace(/^\(HTTP code \d+\) \w+ - /, '').trim()
    if (statusCode !== undefined && statusCode < 500)
      return new DriverFault(
        'refused',
        `Docker says no to ${method} ${path} (${statusCode}): ${said}`,
        'see the release',
        error,
      )
    if (statusCode !== undefined)
      return new DriverFault(
        'refused',
        `Docker failed at ${method} ${path} (${statusCode}): ${said}`,
        'see the log of the engine',
        error,
      )
    if (isLate)
      return new DriverFault(
        'away',
        `Docker at ${this.where} did not answer ${method} ${path} within ${limitMs} ms`,
        'see the log of the engine',
        error,
      )
    return new DriverFault(
      'away',
      `Docker at ${this.where} cannot be reached (${error.code ?? said})`,
      cureOf(error.code),
      error,
    )
  }
}

function cureOf(code: string | undefined): string {
  if (code === 'EACCES') return 'let the gateway’s user use its socket (group `docker`), or set `drivers.docker.host`'
  if (code === 'ENOENT') return 'start the engine, or say where it is (`drivers.docker.host` or DOCKER_HOST)'
  return 'see that the engine runs and that `drivers.docker.host` or DOCKER_HOST names it'
}

function optionsOf({ host, certs }: EngineAddress): Modem.ConstructorOptions {
  if (host === null) return certs ?? {}
  const socket = /^(?:unix|npipe):\/\/(.+)$/.exec(host)?.[1]
  // The library reads DOCKER_HOST by itself where it is not told: an empty host leaves the socket in force.
  if (socket !== undefined) return { socketPath: socket, host: '' }
  const { protocol, hostname, port, username } = new URL(host)
  if (protocol === 'ssh:') return { protocol: 'ssh', host: hostname, port: port || 22, username }
  const isSafe = protocol === 'https:' || certs !== null
  return { protocol: isSafe ? 'https' : 'http', host: hostname, port: port || (isSafe ? 2376 : 2375), ...certs }
}

/** Objects and lists go as JSON, as the API wants them. */
function filled(query: Query): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [
      name,
      typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean),
    ]),
  )
}

async function readLines(stream: Readable, onLine: (line: Query) => void, signal: AbortSignal): Promise<void> {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    // What has no end is no line of the API.
    if (rest.length > lineBytesMax) rest = ''
    for (const line of lines) {
      const read = parse(line)
      if (read) onLine(read)
    }
  })
  await ended(stream, signal)
}

function parse(line: string): Query | null {
  try {
    const read: unknown = JSON.parse(line)
    return typeof read === 'object' ? (read as Query) : null
  } catch {
    return null
  }
}

async function readText(stream: Readable, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  stream.on('data', (piece: Buffer) => {
    pieces.push(piece)
    bytes += piece.length
    if (bytes > answerBytesMax) stream.destroy(new Error(`an answer of more than ${answerBytesMax} bytes`))
  })
  await ended(stream, signal)
  return Buffer.concat(pieces).toString('utf8')
}

/** @throws if it breaks off before its end, or `signal` says so */
function ended(stream: Readable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => void stream.destroy(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', stop)
      if (error) reject(error)
      else resolve()
    }
    stream.once('end', () => settle())
    stream.once('close', () => settle(new Error('the answer broke off')))
    stream.once('error', settle)
    if (signal.aborted) stop()
  })
}
