/**
 * Replicas as processes of this machine. Each runs in a group of its own that outlives us; a file says that it is ours,
 * so that whoever comes after us adopts it, and nothing is left behind that nobody knows of.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { constants, hostname } from 'node:os'
import { createHash } from 'node:crypto'
import type { Clock } from '../../ground/clock.ts'
import { DriverFault } from '../driver-fault.ts'
import type { Driver, ReplicaExit, ReplicaOrder, SeenReplica } from '../driver.ts'
import type { ProcessSpec } from './process-options.ts'
import { shimArguments } from './process-shim.ts'
import { availableMemory, Room } from './room.ts'
import { listenerOn } from './port-listener.ts'
import { bearsAnyMark, bearsMark, findByEnvironment, listRunning, type Running } from './process-table.ts'
import { type KeptReplica, ReplicaFolder } from './replica-folder.ts'

const host = '127.0.0.1'
/** A shim says its number within moments; one that has not by then never will. */
const bornMs = 5000
const bornLookMs = 5
/** Dead ones are told of for so long, and so many of them. */
const deadMs = 3_600_000
const deadMax = 50
const lastLines = 20
const lastWordsMax = 4000
/** While somebody watches, replicas that are not our children are looked after this often. */
const lookMs = 1000
const stopLookMs = 50
/** After SIGKILL a process goes at once, unless the system holds it. */
const killedMs = 10_000
const memoryWords = /out of memory|cannot allocate memory|std::bad_alloc|MemoryError|OutOfMemoryError|ENOMEM/i

const inheritedDefault = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_*', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH', 'XDG_*'],
  ...['CUDA_*', 'NVIDIA_*', 'NCCL_*', 'ROCR_*', 'HIP_*', 'HF_HOME', 'HF_HUB_CACHE', 'OLLAMA_MODELS', 'LLAMA_CACHE'],
]

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

export interface ProcessDriverParts {
  readonly clock: Clock
  /** Where it keeps what it knows; another gateway has another. */
  readonly folder: string
  /** What replicas may inherit. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export class ProcessDriver implements Driver {
  readonly kind = 'process'
  #clock: Clock
  #folder: ReplicaFolder
  #environment: ProcessDriverParts['environment']
  /** Begins the mark of all that are ours. */
  #site: string
  /** One after the other, by name. */
  #turns = new Map<string, Promise<void>>()
  #watchers = new Set<() => void>()
  #timer: Disposable | null = null
  #seen = ''

  constructor({ clock, folder, environment }: ProcessDriverParts) {
    if (process.platform === 'win32')
      throw new DriverFault('refused', 'processes cannot be kept on Windows', 'use Linux or macOS, or another driver')
    this.#clock = clock
    this.#folder = new ReplicaFolder(folder)
    this.#environment = environment
    this.#site = createHash('sha256').update(this.#folder.path).digest('hex').slice(0, 12)
  }

  list(): Promise<SeenReplica[]> {
    const running = listRunning()
    const room = new Room(this.#folder.path)
    const seen = this.#folder.all().map((kept) => ({ ...this.#look(kept, running), disk: room.of(kept.cwd) }))
    this.#sweep()
    return Promise.resolve(seen)
  }

  start(order: ReplicaOrder): Promise<void> {
    return this.#inTurn(order.name, () => this.#start(order))
  }

  stop(name: string, graceMs: number): Promise<void> {
    return this.#inTurn(name, () => this.#stop(name, graceMs))
  }

  watch(onChange: () => void): Disposable {
    this.#watchers.add(onChange)
    this.#timer ??= this.#clock.every(lookMs, () => this.#tellChanged())
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(onChange)
        if (this.#watchers.size > 0) return
        this.#timer?.[Symbol.dispose]()
        this.#timer = null
      },
    }
  }

  logs(name: string, lines: number): Promise<string> {
    checkName(name)
    return Promise.resolve(this.#folder.tail(name, lines))
  }

  /** The replicas go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchers.clear()
    this.#timer?.[Symbol.dispose]()
    await Promise.allSettled(this.#turns.values())
  }

  async #start({ name, deployment, release, spec }: ReplicaOrder): Promise<void> {
    const settings = spec as unknown as ProcessSpec
    const known = this.#folder.read(name)
    if (known && this.#look(known, listRunning()).phase !== 'gone') return
    // What bears its mark runs still, though nothing is known of it: its file was lost.
    await this.#kill(name, 0)
    if (settings.cwd !== undefined && !existsSync(settings.cwd))
      throw new DriverFault('refused', `there is no folder ${settings.cwd}`, 'mend `cwd`, or make the folder')
    const port = await this.#portFor(settings, known)
    const { memoryBytesMax, logBytesMax } = settings
    this.#folder.clear(name)
    this.#folder.write({
      ...{ name, deployment, release, port, startedMs: this.#clock.nowMs(), memoryBytesMax, logBytesMax },
      cwd: settings.cwd ?? process.cwd(),
      ...{ isStopping: false, isOutOfMemory: false, ended: null },
    })
    try {
      await this.#spawn(name, settings, port)
    } catch (error) {
      this.#folder.forget(name)
      throw new DriverFault(
        'refused',
        `${name} cannot be started: ${(error as Error).message}`,
        'look at `command`',
        error,
      )
    }
  }

  async #spawn(name: string, { command, env, inherit, cwd, ...limits }: ProcessSpec, port: number): Promise<void> {
    const fill = (text: string): string =>
      text.replaceAll('${PORT}', String(port)).replaceAll('${HOST}', host).replaceAll('${NAME}', name)
    const mark = this.#markOf(name)
    const own = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, fill(value)]))
    const files = { pidFile: this.#folder.fileOf(name, 'pid'), exitFile: this.#folder.fileOf(name, 'exit') }
    const log = this.#folder.openLog(name)
    let child: ChildProcess
    try {
      child = spawn('/bin/sh', shimArguments({ mark, ...files, ...limits, command: command.map(fill) }), {
        detached: true,
        cwd: cwd ?? process.cwd(),
        stdio: ['ignore', log, log],
        env: {
          ...this.#inherited(inherit),
          ...own,
          PORT: String(port),
          HOST: host,
          NAME: name,
          HOLDFAST_REPLICA: mark,
        },
      })
    } finally {
      closeSync(log)
    }
    child.unref()
    child.once('exit', () => this.#tell())
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    // From here on it is known by its number.
    for (const endMs = this.#clock.monotonicMs() + bornMs; this.#clock.monotonicMs() < endMs; ) {
      if (this.#folder.numberIn(name, 'pid') !== null || child.exitCode !== null) return
      await new Promise<void>((resolve) => this.#clock.after(bornLookMs, resolve))
    }
  }

  #inherited(names: readonly string[] = inheritedDefault): Record<string, string | undefined> {
    const isWanted = (key: string): boolean =>
      names.some((name) => (name.endsWith('*') ? key.startsWith(name.slice(0, -1)) : key === name))
    return Object.fromEntries(Object.entries(this.#environment).filter(([key]) => isWanted(key)))
  }

  /** @throws {DriverFault} when the port that it must have is not free. */
  async #portFor({ port }: ProcessSpec, before: KeptReplica | null): Promise<number> {
    if (port !== undefined) {
      if ((await takePort(port)) !== null) return port
      throw new DriverFault('taken', `port ${port} is in use`, 'free it, or leave `port` out')
    }
    const taken = new Set(this.#folder.all().flatMap((kept) => (kept.ended ? [] : [kept.port])))
    if (before !== null && (await takePort(before.port)) !== null) return before.port
    if (before !== null) this.#checkLeft(before)
    for (let tries = 0; tries < 20; tries++) {
      const free = await takePort(0)
      if (free !== null && !taken.has(free)) return free
    }
    throw new DriverFault('away', 'no port is free', 'close something that holds many')
  }

  /**
   * What put off our mark cannot be told for sure from a stranger, so it is not ended; but where one run left something
   * behind, the next would do so too. @throws {DriverFault}
   */
  #checkLeft({ port, startedMs }: KeptReplica): void {
    const left = listenerOn(port)
    if (left === null || left.ageMs > this.#clock.nowMs() - startedMs || bearsAnyMark(left.pid)) return
    const what = `process ${left.pid} listens on port ${port}, which its last run had, and began after that`
    throw new DriverFault('taken', what, 'end it if the command left it, and run that in the foreground')
  }

  async #stop(name: string, graceMs: number): Promise<void> {
    const kept = this.#folder.read(name)
    if (!kept) return
    this.#folder.write({ ...kept, isStopping: true })
    await this.#kill(name, graceMs)
    this.#folder.forget(name)
    this.#tell()
  }

  /** Ends all that bears its mark. */
  async #kill(name: string, graceMs: number): Promise<void> {
    const endMs = this.#clock.monotonicMs() + graceMs
    let isFirst = true
    for (;;) {
      const left = this.#allOf(name)
      // One that was started this moment has yet to say its number.
      if (left.length === 0 && !this.#isUnborn(this.#folder.read(name))) return
      const isOver = this.#clock.monotonicMs() >= endMs
      if (this.#clock.monotonicMs() > endMs + killedMs)
        throw new DriverFault('away', `processes ${left.join(', ')} of ${name} do not end`, 'look what they wait for')
      if (isOver || isFirst) for (const pid of left) send(pid, isOver ? 'SIGKILL' : 'SIGTERM')
      isFirst &&= left.length === 0
      await new Promise<void>((resolve) => this.#clock.after(stopLookMs, resolve))
    }
  }

  /** Its shim, whoever is in its group, and those that left the group. */
  #allOf(name: string): number[] {
    const leader = this.#leaderOf(name)
    const group = leader ?? this.#folder.numberIn(name, 'pid')
    const marked = new Set(findByEnvironment(`HOLDFAST_REPLICA=${this.#markOf(name)}`))
    // Without its leader the number of the group may be another's by now.
    const isOurs = ({ pid, group: its }: Running): boolean =>
      marked.has(pid) || (its === group && (leader !== null || process.platform !== 'linux'))
    return listRunning()
      .filter(isOurs)
      .map(({ pid }) => pid)
  }

  /** The number of its shim, while that runs. */
  #leaderOf(name: string): number | null {
    const pid = this.#folder.numberIn(name, 'pid')
    return pid !== null && bearsMark(pid, this.#markOf(name)) ? pid : null
  }

  #markOf(name: string): string {
    return `holdfast-replica:${this.#site}:${name}`
  }

  #look(kept: KeptReplica, running: readonly Running[]): SeenReplica {
    const { name, deployment, release, port, startedMs, isStopping, logBytesMax } = kept
    const told = { name, deployment, release, url: `http://${host}:${port}`, startedMs, host: hostname() }
    this.#folder.rotateLog(name, logBytesMax)
    const leader = this.#leaderOf(name)
    if (leader === null) {
      if (this.#isUnborn(kept)) return { ...told, phase: 'starting', memoryBytes: null, exit: null }
      return { ...told, phase: 'gone', memoryBytes: null, exit: this.#exitOf(kept.ended ? kept : this.#end(kept)) }
    }
    const memoryBytes = running.reduce((sum, each) => sum + (each.group === leader ? each.memoryBytes : 0), 0)
    if (kept.memoryBytesMax > 0 && memoryBytes > kept.memoryBytesMax) {
      this.#keep({ ...kept, isOutOfMemory: true })
      for (const pid of this.#allOf(name)) if (pid !== leader) send(pid, 'SIGKILL')
    }
    // Without a limit it may have what the machine has left.
    const memoryBytesMax = kept.memoryBytesMax || memoryBytes + availableMemory()
    return { ...told, phase: isStopping ? 'stopping' : 'running', memoryBytes, memoryBytesMax, exit: null }
  }

  /** On a full disk it is done again at the next look: no replica may make us blind to the others. */
  #keep(kept: KeptReplica): void {
    try {
      this.#folder.write(kept)
    } catch {}
  }

  /** It was started a moment ago, and its shim has yet to say its number. */
  #isUnborn(kept: KeptReplica | null): boolean {
    if (kept === null || kept.ended !== null || this.#folder.numberIn(kept.name, 'pid') !== null) return false
    return this.#clock.nowMs() - kept.startedMs < bornMs
  }

  /** It has ended: whatever it left running ends as well. */
  #end(kept: KeptReplica): KeptReplica {
    const left = this.#allOf(kept.name)
    for (const pid of left) send(pid, 'SIGKILL')
    const code = this.#folder.numberIn(kept.name, 'exit')
    const note =
      left.length > 0 && code === 0
        ? `the command ended, and ${left.length} of its processes went on in the background: they were ended; run it in the foreground`
        : ''
    const ended = { ...kept, ended: { atMs: this.#clock.nowMs(), note } }
    this.#keep(ended)
    return ended
  }

  #exitOf({ name, isOutOfMemory, ended }: KeptReplica): ReplicaExit {
    const code = this.#folder.numberIn(name, 'exit')
    // Killed with its shim, it could not say how.
    const signal = code === null ? 'SIGKILL' : code > 128 ? (signalNames.get(code - 128) ?? null) : null
    const said = this.#folder.tail(name, lastLines).slice(-lastWordsMax)
    return {
      code: signal === null ? code : null,
      signal,
      isOutOfMemory: isOutOfMemory || memoryWords.test(said),
      lastWords: [said, ended?.note].filter(Boolean).join('\n'),
    }
  }

  #sweep(): void {
    const dead = this.#folder.all().flatMap((kept) => (kept.ended ? [{ name: kept.name, atMs: kept.ended.atMs }] : []))
    const nowMs = this.#clock.nowMs()
    dead
      .toSorted((a, b) => b.atMs - a.atMs)
      .forEach(({ name, atMs }, i) => {
        if ((i >= deadMax || nowMs - atMs > deadMs) && !this.#turns.has(name)) this.#folder.forget(name)
      })
  }

  #tellChanged(): void {
    const now = this.#folder
      .all()
      .map(({ name }) => `${name} ${this.#leaderOf(name)}`)
      .join('\n')
    if (now === this.#seen) return
    this.#seen = now
    this.#tell()
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
  }

  async #inTurn(name: string, run: () => Promise<void>): Promise<void> {
    checkName(name)
    const turn = (this.#turns.get(name) ?? Promise.resolve()).catch(() => {}).then(run)
    this.#turns.set(name, turn)
    const clear = (): void => void (this.#turns.get(name) === turn && this.#turns.delete(name))
    turn.then(clear, clear)
    return turn
  }
}

/** It becomes the name of files. @throws {DriverFault} */
function checkName(name: string): void {
  if (!/^[\w][\w.-]{0,127}$/.test(name))
    throw new DriverFault('refused', `${JSON.stringify(name)} is no name`, 'use letters, digits, and . _ - only')
}

/** It may be gone. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is.
  }
}

/** The port when nobody listens there, 0 for any; null when somebody does. */
function takePort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })
}
