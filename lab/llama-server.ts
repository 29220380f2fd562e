/**
 * Where the real engine of the lab comes from: llama.cpp's `llama-server`, found on this machine or unpacked from
 * Debian's packages into a cache folder (see `llama-server/unpack-from-debian.ts`).
 */
import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'

import { runProgram } from './llama-server/run-program.ts'
import { unpackFromDebian } from './llama-server/unpack-from-debian.ts'

export interface LlamaServer {
  /** Program file or start script. */
  readonly path: string
  /** What it says about itself, one line. */
  readonly version: string
  readonly origin: 'given' | 'path' | 'cache' | 'unpacked'
}

export interface FindOptions {
  /** A program to use and no other; then a failure is an error. */
  readonly path?: string | undefined
  /** Folder of the unpacked engine. Default `holdfast/llama-server` in `$XDG_CACHE_HOME` or `~/.cache`. */
  readonly cacheDir?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ObtainOptions extends FindOptions {
  /** Debian archive to take it from, in place of the machine's own package sources. */
  readonly mirror?: string | undefined
  /** Called with short human lines while something is fetched. */
  readonly onProgress?: ((line: string) => void) | undefined
}

const versionTimeoutMs = 20_000
/** Leftovers of an interrupted fetch are removed when older than this; a younger one may still be at work. */
const leftoverAgeMs = 3_600_000

const otherWays =
  'Install llama.cpp and put llama-server on the PATH, give its path, or use the simulated model server instead'

export function defaultCacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast', 'llama-server')
}

/**
 * Looks without fetching anything: the given path, then PATH, then the cache folder. Each is asked for its version, so
 * what is returned does start. Undefined if there is none.
 * @throws {Error} if `path` is given and does not start
 */
export async function findLlamaServer(options: FindOptions = {}): Promise<LlamaServer | undefined> {
  const { signal } = options
  if (options.path) {
    const given = await tryProgram(options.path, 'given', signal)
    if (!given) throw new Error(`${options.path} does not start as a llama-server. ${otherWays}.`)
    return given
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const found = folder ? await tryProgram(join(folder, 'llama-server'), 'path', signal) : undefined
    if (found) return found
  }
  return await tryProgram(join(options.cacheDir ?? defaultCacheDir(), 'llama-server'), 'cache', signal)
}

/**
 * Finds the engine, or unpacks it into the cache folder: about 20 MB to fetch, 75 MB on disk, some 10 s. A cached copy
 * that no longer starts is replaced. May be called by several processes at once: each works in a folder of its own, the
 * first one to finish wins, and the others use its copy.
 * @throws {Error} saying why it cannot be had here and what to do instead
 */
export async function obtainLlamaServer(options: ObtainOptions = {}): Promise<LlamaServer> {
  const found = await findLlamaServer(options)
  if (found) return found
  const target = options.cacheDir ?? defaultCacheDir()
  const work = `${target}.partial-${randomBytes(6).toString('hex')}`
  try {
    await refuseWhereImpossible()
    await mkdir(dirname(target), { recursive: true })
    await removeLeftovers(target)
    await mkdir(work)
    const { mirror, signal, onProgress = () => undefined } = options
    await unpackFromDebian(work, { mirror, signal, onProgress })
    await rm(join(work, 'apt'), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    if (!(await tryProgram(join(work, 'llama-server'), 'unpacked', signal))) {
      throw new Error('the unpacked program does not start on this machine')
    }
    return await moveInto(target, work, signal)
  } catch (error) {
    options.signal?.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`llama-server cannot be had here: ${reason}. ${otherWays}.`, { cause: error })
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

/** Puts the finished folder in its place. A folder that is there already wins if it works, and makes room if not. */
async function moveInto(target: string, work: string, signal: AbortSignal | undefined): Promise<LlamaServer> {
  const program = join(target, 'llama-server')
  try {
    await rename(work, target)
  } catch {
    const theirs = await tryProgram(program, 'cache', signal)
    if (theirs) return theirs
    const aside = `${work}-replaced`
    await rename(target, aside)
    await rename(work, target)
    await rm(aside, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  const ours = await tryProgram(program, 'unpacked', signal)
  if (!ours) throw new Error(`${program} does not start after it was moved to its place`)
  return ours
}

async function tryProgram(
  path: string,
  origin: LlamaServer['origin'],
  signal: AbortSignal | undefined,
): Promise<LlamaServer | undefined> {
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
  if (!isThere) return undefined
  const result = await runProgram(path, ['--version'], { timeoutMs: versionTimeoutMs, signal })
  const version = /^version:\s*(.+)$/m.exec(result.output)?.[1]
  return result.status === 0 && version ? { path, version, origin } : undefined
}

async function refuseWhereImpossible(): Promise<void> {
  if (process.platform !== 'linux') throw new Error(`unpacking it works on Linux only, and this is ${process.platform}`)
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    throw new Error(`unpacking it works on x64 and arm64 only, and this is ${process.arch}`)
  }
  for (const tool of ['apt-get', 'apt-config', 'dpkg']) {
    const result = await runProgram(tool, ['--version'], { timeoutMs: versionTimeoutMs })
    if (result.status === null) throw new Error(`unpacking it needs ${tool}, which this machine does not have`)
  }
}

/** Folders that an interrupted run left beside the target. */
async function removeLeftovers(target: string): Promise<void> {
  const parent = dirname(target)
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${basename(target)}.partial-`)) continue
    const path = join(parent, name)
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
    if (age > leftoverAgeMs) await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}
