/** A gateway under attack: a process of its own, with what it costs and how it holds a healthy caller meanwhile. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processTree } from '../../bench/process-tree.ts'
import type { ConfigInput } from '../../src/config.ts'
import { type Gateway, main, startProgram } from '../crash/gateway.ts'
import { RecordingUpstream } from './recording-upstream.ts'
import { folderName, type Turns } from './turn-meter.ts'

/** Of /proc/PID/stat. */
const ticksPerSecond = 100

export class Subject implements AsyncDisposable {
  readonly gateway: Gateway
  readonly port: number
  #upstream: RecordingUpstream
  #folder: string

  private constructor(gateway: Gateway, upstream: RecordingUpstream, folder: string) {
    this.gateway = gateway
    this.port = Number(new URL(gateway.url).port)
    this.#upstream = upstream
    this.#folder = folder
  }

  /** `files`: of a site beside the models, by their names. */
  static async open(
    settings: Partial<ConfigInput>,
    { files = {} }: { files?: Readonly<Record<string, Buffer>> } = {},
  ): Promise<Subject> {
    const upstream = await RecordingUpstream.open()
    upstream.isKeeping = false
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-suite-'))
    const site = join(folder, 'site')
    for (const name of [site, turnsIn(folder)]) await mkdir(name)
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(site, name), bytes)
    const config: ConfigInput = {
      upstreams: { only: { url: upstream.url, kind: 'llamacpp', models: ['m'] } },
      listeners: [{ host: '127.0.0.1', port: 0, h2c: true }],
      log: { access: false },
      ...(Object.keys(files).length > 0 && { web: { routes: [{ folder: site }] } }),
      ...settings,
    }
    const path = join(folder, 'holdfast.yaml') // JSON is YAML
    await writeFile(path, JSON.stringify(config))
    const meter = new URL('turn-meter.ts', import.meta.url).href
    const environment = { [folderName]: turnsIn(folder), NODE_OPTIONS: `--import=${meter}` }
    return new Subject(await startProgram(main, environment, ['--config', path]), upstream, folder)
  }

  /** Seconds of processor time of all its processes, since their start. */
  cpuSeconds(): number {
    return processTree(this.gateway.pid).reduce((sum, pid) => sum + cpuOf(pid), 0)
  }

  /** Resident memory of its largest process; MiB. */
  memoryMib(): number {
    return Math.max(...processTree(this.gateway.pid).map(memoryMib))
  }

  /** Processor time of the longest turn of an event loop since this was asked last; milliseconds. */
  takeTurns(): number {
    let longestMs = 0
    for (const name of readdirSync(turnsIn(this.#folder))) {
      const path = join(turnsIn(this.#folder), name)
      try {
        const lines = readFileSync(path, 'utf8').trim().split('\n')
        for (const line of lines) longestMs = Math.max(longestMs, (JSON.parse(line) as Turns).longestMs)
        rmSync(path)
      } catch {
        // it has told nothing since, or tells just now
      }
    }
    return longestMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]()
    await this.#upstream[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

const turnsIn = (folder: string): string => join(folder, 'turns')

function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return 0 // gone
  }
}

/** Resident, of one process; 0 when it is gone. */
export function memoryMib(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
