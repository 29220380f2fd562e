/** Where a scenario is played: a provider with its back ends, and a gateway before it as a process of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigInput } from '../../src/config.ts'
import { type Gateway, startGateway } from '../crash/gateway.ts'
import { type Ask, ask } from './caller.ts'
import type { Hearing } from './hearing.ts'
import { type BackEnd, type BackEndOptions, offeredModel, Provider } from './provider.ts'

/** Two back ends that can stand in for each other: the second is used when the first cannot answer. */
export interface PairOptions {
  readonly primary: BackEndOptions
  readonly fallback: BackEndOptions
  /** What the gateway is told that the fallback is; left out, it has to find out. */
  readonly fallbackKind?: UpstreamKind
}

type UpstreamKind = NonNullable<ConfigInput['upstreams'][string]['kind']>

export interface Pair {
  /** As callers name it. */
  readonly model: string
  readonly primary: BackEnd
  readonly fallback: BackEnd
}

export type Settings = Omit<ConfigInput, 'upstreams' | 'pools'>

export interface Setup {
  readonly pairs: Readonly<Record<string, PairOptions>>
  /** Beyond `commonSettings`. */
  readonly settings?: Settings
}

/** What every gateway of the table is given: the limits that the public benchmark gives to all. */
export const commonSettings = {
  workers: 1,
  timeouts: { wholeMs: 30_000, interTokenMs: 30_000 },
} as const satisfies Settings

/** Whatever is tried: our gateway, or one that is broken on purpose. */
export interface Subject extends AsyncDisposable {
  readonly url: string
  /** Null where there is no process to be killed or restarted. */
  readonly gateway: Gateway | null
}

/** @param stateDir a folder of its own, which outlives the process. @param port 0 for any. */
export type OpenSubject = (config: ConfigInput, stateDir: string, port: number) => Promise<Subject>

export const openHoldfast: OpenSubject = async (config, stateDir, port) => {
  const file = join(stateDir, 'holdfast.json')
  await writeFile(file, JSON.stringify(config))
  const gateway = await startGateway('--config', file, '--state', stateDir, '--port', String(port))
  return { url: gateway.url, gateway, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

export class Stage implements AsyncDisposable {
  readonly stateDir: string
  subject: Subject
  /** The provider and the folder, closed behind the gateway. */
  #parts: AsyncDisposableStack
  #config: ConfigInput
  #open: OpenSubject
  #pairs: ReadonlyMap<string, Pair>
  #patienceMsMax: number

  private constructor(parts: {
    parts: AsyncDisposableStack
    stateDir: string
    subject: Subject
    config: ConfigInput
    open: OpenSubject
    pairs: ReadonlyMap<string, Pair>
    patienceMsMax: number
  }) {
    this.#parts = parts.parts
    this.stateDir = parts.stateDir
    this.subject = parts.subject
    this.#config = parts.config
    this.#open = parts.open
    this.#pairs = parts.pairs
    this.#patienceMsMax = parts.patienceMsMax
  }

  /** @param patienceMsMax no single call is waited for longer. */
  static async open(setup: Setup, open: OpenSubject, patienceMsMax: number): Promise<Stage> {
    await using parts = new AsyncDisposableStack()
    const provider = parts.use(await Provider.open())
    const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-failover-'))
    parts.defer(() => rm(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))
    const pairs = new Map<string, Pair>()
    const upstreams: ConfigInput['upstreams'] = {}
    const pools: ConfigInput['pools'] = {}
    for (const [name, { primary, fallback, fallbackKind: kind }] of Object.entries(setup.pairs)) {
      const model = offeredModel(name)
      const names = { primary: `${name}/primary`, fallback: `${name}/fallback` }
      pairs.set(name, {
        model,
        primary: provider.add(names.primary, primary),
        fallback: provider.add(names.fallback, fallback),
      })
      upstreams[`${name}.primary`] = { url: provider.url(names.primary), models: [model] }
      upstreams[`${name}.fallback`] = {
        ...{ url: provider.url(names.fallback), models: [model], priority: 1, ...(kind && { kind }) },
      }
      pools[name] = { upstreams: [`${name}.primary`, `${name}.fallback`] }
    }
    const { timeouts, ...settings } = setup.settings ?? {}
    const config = {
      ...commonSettings,
      ...settings,
      timeouts: { ...commonSettings.timeouts, ...timeouts },
      upstreams,
      pools,
    }
    const subject = await open(config, stateDir, 0)
    return new Stage({ parts: parts.move(), stateDir, subject, config, open, pairs, patienceMsMax })
  }

  pair(name: string): Pair {
    const pair = this.#pairs.get(name)
    if (!pair) throw new Error(`no pair ${name}`)
    return pair
  }

  ask(pair: string, options: Pick<Ask, 'isStream'> & Partial<Ask>): Promise<Hearing> {
    return ask(this.calling(pair, options))
  }

  calling(pair: string, options: Pick<Ask, 'isStream'> & Partial<Ask>): Ask {
    const patienceMs = Math.min(this.#patienceMsMax, options.patienceMs ?? usualPatienceMs)
    return { url: this.subject.url, model: this.pair(pair).model, ...options, patienceMs }
  }

  /** The same gateway again, on the same port and with the same state, after everything of it was killed. */
  async reopen(): Promise<void> {
    const port = Number(new URL(this.subject.url).port)
    await this.subject[Symbol.asyncDispose]()
    this.subject = await this.#open(this.#config, this.stateDir, port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subject[Symbol.asyncDispose]()
    await this.#parts.disposeAsync()
  }
}

/** How long a caller waits unless the scenario says otherwise. */
const usualPatienceMs = 20_000
