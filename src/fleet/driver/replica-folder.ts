/** What is known on disk of the replicas of a gateway: one small file each, with its log beside it. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Logs of replicas that are no more. */
const oldLogsMax = 50
const tailBytesMax = 64 * 2 ** 10

export interface KeptReplica {
  readonly name: string
  readonly deployment: string
  readonly release: string
  readonly port: number
  /** Milliseconds since 1970. */
  readonly startedMs: number
  readonly memoryBytesMax: number
  /** Where it runs; of those that earlier versions started this is not known. */
  readonly cwd?: string
  readonly logBytesMax: number
  readonly isStopping: boolean
  /** It was killed for the memory that it held. */
  readonly isOutOfMemory: boolean
  /** Nothing of it runs any more, and what is to be said of its end beside its last words. */
  readonly ended: { readonly atMs: number; readonly note: string } | null
}

export class ReplicaFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }

  fileOf(name: string, kind: 'json' | 'pid' | 'exit' | 'log'): string {
    return join(this.path, `${name}.${kind}`)
  }

  all(): KeptReplica[] {
    return this.#namesOf('.json').flatMap((name) => this.read(name) ?? [])
  }

  /** Null where there is none, or what is there makes no sense. */
  read(name: string): KeptReplica | null {
    try {
      const kept = JSON.parse(readFileSync(this.fileOf(name, 'json'), 'utf8')) as KeptReplica
      return kept.name === name && typeof kept.port === 'number' && typeof kept.startedMs === 'number' ? kept : null
    } catch {
      return null
    }
  }

  write(kept: KeptReplica): void {
    const path = this.fileOf(kept.name, 'json')
    writeFileSync(`${path}.new`, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  /** A number that its shim has written; null while there is none. */
  numberIn(name: string, kind: 'pid' | 'exit'): number | null {
    try {
      const text = readFileSync(this.fileOf(name, kind), 'utf8').trim()
      return /^\d{1,10}$/.test(text) ? Number(text) : null
    } catch {
      return null
    }
  }

  /** For one that is to be started. */
  clear(name: string): void {
    for (const kind of ['pid', 'exit'] as const) rmSync(this.fileOf(name, kind), { force: true })
  }

  /** All but its log, which is kept for a while. */
  forget(name: string): void {
    this.clear(name)
    rmSync(this.fileOf(name, 'json'), { force: true })
    const old = this.#namesOf('.log').filter((each) => !existsSync(this.fileOf(each, 'json')))
    const times = new Map(old.map((each) => [each, modifiedMs(this.fileOf(each, 'log'))]))
    const tooOld = old.toSorted((a, b) => (times.get(b) ?? 0) - (times.get(a) ?? 0)).slice(oldLogsMax)
    for (const each of tooOld)
      for (const suffix of ['', '.1']) rmSync(this.fileOf(each, 'log') + suffix, { force: true })
  }

  /** To be written to, by it; the caller closes it. */
  openLog(name: string): number {
    return openSync(this.fileOf(name, 'log'), 'a', 0o600)
  }

  /** It writes on at the new beginning: it appends. What it writes in between is lost. */
  rotateLog(name: string, bytesMax: number): void {
    const path = this.fileOf(name, 'log')
    if (bytesMax === 0 || sizeOf(path) <= bytesMax) return
    try {
      copyFileSync(path, `${path}.1`)
    } catch {
      // The disk is full, most likely: what is in the way of all others is given up.
      rmSync(`${path}.1`, { recursive: true, force: true })
    }
    truncateSync(path)
  }

  /** The end of its log; where that was turned over a moment ago, of the one before as well. */
  tail(name: string, linesMax: number): string {
    const path = this.fileOf(name, 'log')
    const now = readEnd(path)
    const text = now.split('\n').length > linesMax ? now : readEnd(`${path}.1`) + now
    return text.trimEnd().split('\n').slice(-linesMax).join('\n')
  }

  #namesOf(suffix: string): string[] {
    return readdirSync(this.path).flatMap((name) => (name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : []))
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function readEnd(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, tailBytesMax))
    readSync(file, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8')
  } finally {
    closeSync(file)
  }
}
