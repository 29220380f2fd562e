/**
 * The two tools every bench needs, the mock model server and the load client, compiled from C where the machine has a
 * compiler.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cache, canRunRealtime, launch, type Launched, loadCore } from './launch.ts'

/**
 * What the load client prints at its end; times in microseconds, counts over the whole run except `units`, which is
 * the window's.
 */
export interface LoadResult {
  readonly mode: string
  readonly seconds: number
  readonly units: number
  readonly late: number
  readonly answers: number
  readonly errors: number
  readonly lost: number
  readonly repeated: number
  readonly cut: number
  readonly finished: number
  readonly unfinished: number
  readonly left_early: number
  readonly cpu_us: number
  readonly own_cpu_us: number
  readonly p50_us: number
  readonly p90_us: number
  readonly p99_us: number
  readonly max_us: number
  readonly first_count: number
  readonly first_p50_us: number
  readonly first_p99_us: number
  /** What went wrong first; empty when nothing did. */
  readonly first_error: string
}

export interface MockStats {
  readonly requests: number
  readonly streams_open: number
  readonly streams_finished: number
  readonly streams_abandoned: number
}

export interface Mock {
  readonly url: string
  readonly program: Launched
  stats(): Promise<MockStats>
  /** Cuts every stream that is still open. */
  drop(): Promise<void>
}

export interface Load {
  readonly program: Launched
  /** Settles when every connection is at work and the window opens. */
  readonly steady: Promise<void>
  readonly result: Promise<LoadResult>
}

type Arguments = Readonly<Record<string, string | number>>

export interface LoadOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly isRealtime?: boolean
}

const nodeMock = new URL('./node/mock.ts', import.meta.url)
const nodeLoad = new URL('./node/load.ts', import.meta.url)
const native = join(import.meta.dirname, 'native')
/** `BENCH_TOOLS=node` tries the fallback on a machine that has a compiler. */
const compiler =
  process.env['BENCH_TOOLS'] === 'node'
    ? undefined
    : ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0)

/** Null when the tools are the compiled ones; else the warning that belongs into every report. */
export const toolWarning: string | null =
  compiler === undefined
    ? 'No C compiler here: load client and mock run in Node and are themselves the bottleneck; nginx and HAProxy cannot be judged by this run.'
    : null

function toolCommand(name: 'mock' | 'load'): [string, ...string[]] {
  if (compiler === undefined) return [process.execPath, fileURLToPath(name === 'mock' ? nodeMock : nodeLoad)]
  const source = join(native, `${name}.c`)
  const program = join(cache, 'bench', name)
  const newestMs = Math.max(statSync(source).mtimeMs, statSync(join(native, 'http1.h')).mtimeMs)
  if (!existsSync(program) || statSync(program).mtimeMs < newestMs) {
    mkdirSync(join(cache, 'bench'), { recursive: true })
    const built = spawnSync(compiler, ['-O2', '-o', program, source], { encoding: 'utf8' })
    if (built.status !== 0) throw new Error(`${source} does not compile:\n${built.stderr}`)
  }
  return [program]
}

export async function startMock(): Promise<Mock> {
  const [command, ...args] = toolCommand('mock')
  const { promise: ready, resolve } = Promise.withResolvers<number>()
  const program = launch(command, args, {
    core: loadCore,
    onLine: (line) => resolve((JSON.parse(line) as { port: number }).port),
  })
  const port = await Promise.race([ready, program.exited.then(() => 0)])
  if (port === 0) throw new Error(`the mock did not start:\n${program.tail()}`)
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    program,
    stats: async () => (await (await fetch(`${url}/stats`)).json()) as MockStats,
    drop: async () => void (await (await fetch(`${url}/drop`, { method: 'POST' })).text()),
  }
}

/** Starts the load client; `args` are its flags without the dashes, described at the head of `native/load.c`. */
export function startLoad(mode: 'unary' | 'open' | 'sse', args: Arguments, options: LoadOptions = {}): Load {
  const [command, ...first] = toolCommand('load')
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)])
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
  const { promise: steady, resolve: setSteady } = Promise.withResolvers<void>()
  let result: LoadResult | undefined
  const program = launch(command, [...first, mode, ...flags, ...headers], {
    core: loadCore,
    prefix: options.isRealtime === true && canRunRealtime ? ['chrt', '-r', '1'] : [],
    onLine: (line) => {
      if (line.startsWith('{"event":"steady"')) setSteady()
      else if (line.startsWith('{"mode"')) result = JSON.parse(line) as LoadResult
    },
  })
  const finished = program.exited.then((code) => {
    if (result === undefined) throw new Error(`the load client ended with ${code}:\n${program.tail()}`)
    return result
  })
  // A load that is stopped before its end has no result; only who asks for it gets to know.
  finished.catch(() => {})
  return { program, steady: Promise.race([steady, finished.then(() => {})]), result: finished }
}
