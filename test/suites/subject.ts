/** A gateway under attack: a process of its own, with what it costs and how it holds a healthy caller meanwhile. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processTree } from '../../bench/process-tree.ts'
import type { ConfigInput } from '../../src/config.ts'
import { type Gateway, startGateway } from '../crash/gateway.ts'
import { RecordingUpstream } from './recording-upstream.ts'

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

  static async open(settings: Partial<ConfigInput>): Promise<Subject> {
    const upstream = await RecordingUpstream.open()
    upstream.isKeeping = false
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-suite-'))
    const config: ConfigInput = {
      upstreams: { only: { url: upstream.url, kind: 'llamacpp', models: ['m'] } },
      listeners: [{ host: '127.0.0.1', port: 0, h2c: true }],
      log: { access: false },
      ...settings,
    }
    const path = join(folder, 'holdfast.yaml') // JSON is YAML
    await writeFile(path, JSON.stringify(config))
    return new Subject(await startGateway('--config', path), upstream, folder)
  }

  /** Seconds of processor time of all its processes, since their start. */
  cpuSeconds(): number {
    return processTree(this.gateway.pid).reduce((sum, pid) => sum + cpuOf(pid), 0)
  }

  /** Resident memory of its largest process; MiB. */
  memoryMib(): number {
    return Math.max(...processTree(this.gateway.pid).map(memoryMib))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]()
    await this.#upstream[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

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
