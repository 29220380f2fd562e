/** Starts the real small model: our own weights in the real engine, as a child process on this machine. */
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChildServer, OwnedChild } from './child.ts'
import { type LlamaServer, obtainLlamaServer } from './llama-server.ts'
import { tinyModelRevision, writeTinyModel } from './tiny-model/tiny-model.ts'

export interface TinyModelServerOptions {
  /** Folder for the engine (`llama-server/`) and the weights. */
  readonly cacheDir: string
  /** Port to listen on. Default 0: one that the system chooses. */
  readonly port?: number
  /** Answers that are generated at once. Default 4. */
  readonly slots?: number
  /** Context of one slot, tokens. Default 2048. */
  readonly contextTokens?: number
  readonly seed?: number
  /** See `TinyModelOptions.noise`: 0.5 (default) for people, 4 for tests. */
  readonly noise?: number
  /** The model's name in its API. Default `tiny`. */
  readonly name?: string
  /** A `llama-server` to use and no other. */
  readonly program?: string
  readonly onProgress?: (line: string) => void
  /** Ends the start; a model that runs is ended by `stop`. */
  readonly signal?: AbortSignal
  /** Further flags of llama-server. */
  readonly extraArgs?: readonly string[]
}

export interface TinyModelServer extends ChildServer {
  /** Name of the model. */
  readonly model: string
  /** Version of the engine. */
  readonly version: string
}

const defaultName = 'tiny'
const defaultContextTokens = 2048
/** Longest time from the start of the process to its first sign of health. */
const healthyMs = 30_000
const healthPeriodMs = 25

/**
 * Resolves when the engine answers. It ends with `stop()`, and with this process, however that ends.
 * @throws {Error} saying why it cannot be had or does not start
 */
export async function startTinyModel(options: TinyModelServerOptions): Promise<TinyModelServer> {
  const { name = defaultName, signal } = options
  const { engine, weights } = await obtain(options)
  const flags = commandLine(weights, options)
  const child = new OwnedChild(engine.path, flags, { environment: ownEnvironment(), isDeaf: true })
  try {
    return {
      url: await untilHealthy(child, signal),
      pid: child.process.pid ?? 0,
      model: name,
      version: engine.version,
      exited: child.exited,
      tail: () => child.tail,
      stop: () => child.stop(),
      kill: (fatal) => child.kill(fatal),
    }
  } catch (error) {
    await child.kill('SIGKILL')
    throw error
  }
}

/** What starts it on a port that another chooses: `${PORT}`. @throws {Error} where it cannot be had. */
export async function tinyModelCommand(options: TinyModelServerOptions): Promise<string[]> {
  const { engine, weights } = await obtain(options)
  return [engine.path, ...commandLine(weights, options, '${PORT}')]
}

/** The engine, and the path of the weights. */
async function obtain(options: TinyModelServerOptions): Promise<{ engine: LlamaServer; weights: string }> {
  const { cacheDir, seed = 1, noise = 0.5, contextTokens = defaultContextTokens, program, onProgress, signal } = options
  const engine = await obtainLlamaServer({
    path: program,
    cacheDir: join(cacheDir, 'llama-server'),
    onProgress,
    signal,
  })
  return { engine, weights: await weightsIn(cacheDir, { seed, noise, contextTokens: Math.max(contextTokens, 4096) }) }
}

function commandLine(
  weights: string,
  options: TinyModelServerOptions,
  port: number | string = options.port ?? 0,
): string[] {
  const { name = defaultName, contextTokens = defaultContextTokens, slots = 4, extraArgs = [] } = options
  return [
    ...['--model', weights, '--alias', name, '--host', '127.0.0.1', '--port', String(port)],
    // The context is shared out among the slots. One thread is plenty for a model this small, and leaves room for
    // others.
    ...[
      '--parallel',
      String(slots),
      '--ctx-size',
      String(slots * contextTokens),
      '--threads',
      '1',
      '--threads-http',
      '4',
    ],
    // Level 3 is the lowest that says which port was taken.
    ...['--metrics', '--slots', '--no-webui', '--offline', '--log-verbosity', '3', ...extraArgs],
  ]
}

/**
 * Our environment without the engine's own settings (LLAMA_ARG_..., LLAMA_API_KEY), which were meant for another one.
 */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('LLAMA_')))
}

/** The weights' file for these options, written if it is not there yet. */
async function weightsIn(
  cacheDir: string,
  options: { seed: number; noise: number; contextTokens: number },
): Promise<string> {
  const { seed, noise, contextTokens } = options
  await mkdir(cacheDir, { recursive: true })
  const path = join(cacheDir, `tiny-r${tinyModelRevision}-s${seed}-n${noise}-c${contextTokens}.gguf`)
  const isThere = await stat(path).then(
    ({ size }) => size > 0,
    () => false,
  )
  if (!isThere) await writeTinyModel(path, options)
  return path
}

/** Waits for the line that tells the port, then for /health to say yes; resolves with the base URL. */
async function untilHealthy(child: OwnedChild, signal: AbortSignal | undefined): Promise<string> {
  const limit = performance.now() + healthyMs
  while (performance.now() < limit) {
    signal?.throwIfAborted()
    if (child.isOver) throw new Error(`llama-server ended at its start: ${child.tail.trim().slice(-600)}`)
    const port = /listening on https?:\/\/\S*?:(\d+)/.exec(child.tail)?.[1]
    if (port !== undefined && (await isHealthy(`http://127.0.0.1:${port}`))) return `http://127.0.0.1:${port}`
    await sleep(healthPeriodMs)
  }
  throw new Error(`llama-server was not healthy within ${healthyMs / 1000} s: ${child.tail.trim().slice(-600)}`)
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) })
    await answer.text()
    return answer.ok
  } catch {
    return false
  }
}
