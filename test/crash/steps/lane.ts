/**
 * A gateway of three workers that can be told to die, in front of two model servers, and the scenes that are played on
 * it one after the other: an answer is asked for, a worker dies at a step of it, and everything is looked at closely.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FaultOrder } from '../../../lab/fault-plan.ts'
import { seededRandom } from '../../../src/ground/random.ts'
import { freePort, type Gateway, startProgram, workerPids } from '../gateway.ts'
import { ResumingClient } from '../resuming-client.ts'
import { DeathFolder, type DeathOrder, folderVariable } from './death.ts'
import { JournalFile, type KeptAnswer } from './journal-file.ts'
import { RepeatingClient } from './repeating-client.ts'

/** How the answer is asked for. */
export type Mode =
  /** Streamed, a repeated POST marked as the official SDKs mark it. */
  | 'stream'
  /** Streamed, with an `Idempotency-Key`. */
  | 'stream, key'
  /** Not streamed. */
  | 'whole'
  | 'whole, key'
  /** A response in the background. */
  | 'background'
  | 'background, key'

export interface Scene {
  readonly name: string
  readonly mode: Mode
  readonly deaths: readonly DeathOrder[]
  /** Upstream calls, from and to. */
  readonly calls: readonly [number, number]
  /** Answers in the journal; 1. */
  readonly answersMax?: number
  /** The first upstream breaks off after so many tokens, once. */
  readonly cutTokens?: number
  /** The first upstream is so many times slower, in its first answer. */
  readonly slowFactor?: number
  /** At this event (stream), or once a model server is asked (background): the answer is cancelled from elsewhere. */
  readonly cancelAt?: number
  /** What else happens, from this event on, beside the client. */
  readonly beside?: { readonly at: number; readonly run: (lane: Lane, client: ResumingClient) => Promise<void> }
  /** Before a call is repeated; half a second, or 50 ms where there is a key. */
  readonly repeatMs?: number
  /** Length of the answer; 32. */
  readonly tokens?: number
  /** Longest takeover; `takeoverMsMax` where others are there to take over. */
  readonly takeoverMsMax?: number
}

export interface Row {
  readonly name: string
  readonly mode: Mode
  readonly deaths: number
  readonly calls: number
  /** From the last death until the answer went on for its client; null where there was nothing to take over. */
  readonly takeoverMs: number | null
  /** Nobody was left to take over: it waited for the next start. */
  readonly isRestart: boolean
  /** Empty when all is well. */
  readonly complaints: readonly string[]
}

const workerCount = 3
const tokensDefault = 32
/** What is promised where others are there to take over. */
const takeoverMsMax = 5000
const patienceMs = 30_000
/** The official SDKs wait so long before they repeat a call, give or take a quarter. */
const sdkPauseMs = 500
const program = join(import.meta.dirname, 'dying-gateway.ts')

let sceneCount = 0

/** Asks until it is so. @throws {Error} after half a minute. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Of all workers, those that are still starting or already retired included. */
async function allPids({ adminUrl }: Gateway): Promise<number[]> {
  const answer = await fetch(`${adminUrl}/readyz`)
  const { workers, retiring = [] } = (await answer.json()) as {
    workers: { pid: number }[]
    retiring?: { pid: number }[]
  }
  return [...workers, ...retiring].map(({ pid }) => pid)
}

/** Calls that the model servers got for a prompt. */
async function countCalls(urls: readonly string[], prompt: string): Promise<number> {
  const counts = await Promise.all(
    urls.map(async (url) => {
      const answer = await fetch(`${url}/lab/calls?prompt=${encodeURIComponent(prompt)}`).catch(() => null)
      if (answer === null) return 0 // it was killed, and nobody knows any more
      const { perPrompt } = (await answer.json()) as { perPrompt: Record<string, number> }
      return Object.values(perPrompt)[0] ?? 0
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

export interface LaneOptions {
  /** Without a path; the first is asked first. */
  readonly upstreams: readonly string[]
  readonly leaseMs?: number
  readonly drainMs?: number
}

export class Lane implements AsyncDisposable {
  readonly state = mkdtempSync(join(tmpdir(), 'holdfast-lane-'))
  readonly folder = new DeathFolder()
  readonly upstreams: readonly string[]
  gateway!: Gateway
  journal!: JournalFile
  #port = 0

  private constructor({ upstreams, leaseMs, drainMs }: LaneOptions) {
    this.upstreams = upstreams
    const servers = upstreams.map((url, priority) => [
      `server-${priority}`,
      { url: `${url}/v1`, kind: 'vllm', priority },
    ])
    const config = {
      upstreams: Object.fromEntries(servers) as object,
      ...(leaseMs !== undefined && { journal: { leaseMs } }),
      ...(drainMs !== undefined && { limits: { drainMs } }),
    }
    writeFileSync(join(this.state, 'holdfast.yaml'), JSON.stringify(config))
  }

  static async open(options: LaneOptions): Promise<Lane> {
    const lane = new Lane(options)
    lane.#port = await freePort()
    await lane.start()
    lane.journal = new JournalFile(lane.state)
    return lane
  }

  get url(): string {
    return this.gateway.url
  }

  /** Starts the gateway, or one in the place of the one before. */
  async start(): Promise<void> {
    const flags = ['--config', join(this.state, 'holdfast.yaml'), '--state', this.state, '--port', String(this.#port)]
    const environment = { [folderVariable]: this.folder.path }
    this.gateway = await startProgram(program, environment, [...flags, '--workers', String(workerCount)])
  }

  /** Every worker is there, and no answer is under way. */
  async rest(): Promise<void> {
    await until('all workers serve', async () => (await workerPids(this.gateway)).length === workerCount)
    await until('no answer is under way', () => this.journal.liveCount === 0)
  }

  async cancel(id: string): Promise<void> {
    await until('the cancel is taken', async () => {
      try {
        const answer = await fetch(`${this.url}/v1/answers/${id}/cancel`, { method: 'POST' })
        await answer.text()
        return answer.status === 200
      } catch {
        return false // its worker died of it
      }
    })
  }

  /** The same once a model server is at work on it: before, there would be nobody to be asked in vain. */
  async cancelAsked(id: string, prompt: string): Promise<void> {
    await until('a model server is asked', async () => (await countCalls(this.upstreams, prompt)) > 0)
    await this.cancel(id)
  }

  async play(scene: Scene): Promise<Row> {
    const prompt = `scene ${sceneCount++}: ${scene.name}, ${scene.mode} tokens:${scene.tokens ?? tokensDefault}`
    const complaints: string[] = []
    const { name, mode } = scene
    let takeoverMs: number | null = null
    let calls = 0
    try {
      await this.rest()
      const before = this.journal.lastId
      await this.#prepare(scene, prompt)
      const client = new SceneClient(this, scene, prompt)
      const complaint = await client.run()
      if (complaint) complaints.push(complaint)
      if (this.folder.deaths.length !== scene.deaths.length)
        complaints.push(`${this.folder.deaths.length} of ${scene.deaths.length} deaths came about`)
      await until('the answer has ended', () => this.journal.liveCount === 0)
      takeoverMs = client.takeoverMs(this.folder.deaths.at(-1)?.atMs ?? 0)
      if ((takeoverMs ?? 0) > (scene.takeoverMsMax ?? takeoverMsMax)) complaints.push(`takeover after ${takeoverMs} ms`)
      complaints.push(...this.#judgeKept(this.journal.answers(before), client, scene))
      calls = await countCalls(this.upstreams, prompt)
      const [least, most] = scene.calls
      if (calls < least || calls > most) complaints.push(`${calls} upstream calls, not ${least} to ${most}`)
    } catch (error) {
      complaints.push((error as Error).message)
    } finally {
      this.folder.order([])
    }
    const isRestart = scene.takeoverMsMax !== undefined
    return { name, mode, deaths: scene.deaths.length, calls, takeoverMs, isRestart, complaints }
  }

  /** All its processes, at once. */
  async kill(): Promise<void> {
    const pids = await allPids(this.gateway).catch(() => [])
    const end = this.gateway.end('SIGKILL')
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // gone already
      }
    }
    await end
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    this.journal[Symbol.dispose]()
    this.folder[Symbol.dispose]()
    rmSync(this.state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }

  async #prepare({ deaths, cutTokens, slowFactor }: Scene, prompt: string): Promise<void> {
    if (deaths.some(({ step }) => step.startsWith('sweep'))) this.journal.hastenSweep()
    const match = { promptContains: prompt }
    if (cutTokens !== undefined) await this.#spoil({ kind: 'cut', afterTokens: cutTokens, count: 1, match })
    if (slowFactor !== undefined) await this.#spoil({ kind: 'slow', factor: slowFactor, count: 1, match })
    this.folder.order(deaths)
  }

  /** Orders a fault of the first upstream. */
  async #spoil(order: FaultOrder): Promise<void> {
    const answer = await fetch(`${this.upstreams[0]}/lab/faults`, { method: 'POST', body: JSON.stringify(order) })
    if (answer.status !== 200) throw new Error(await answer.text())
  }

  #judgeKept(
    answers: readonly KeptAnswer[],
    { events }: SceneClient,
    { cancelAt, mode, answersMax = 1 }: Scene,
  ): string[] {
    const complaints = answers.flatMap(({ complaint }) => complaint ?? [])
    if (answers.length === 0 || answers.length > answersMax) complaints.push(`${answers.length} answers in the journal`)
    const outcome = cancelAt === undefined ? 'complete' : 'cancelled'
    for (const answer of answers)
      if (answer.outcome !== outcome) complaints.push(`an answer in the journal is ${answer.outcome}`)
    if (!mode.startsWith('stream')) return complaints
    const kept = answers[0]?.events.map((event) => /^data: (.*)$/m.exec(event)?.[1]) ?? []
    const at = kept.findIndex((data, i) => data !== events[i])
    if (at !== -1 || kept.length !== events.length)
      complaints.push(`of ${kept.length} events in the journal the client has ${events.length}, other ones from ${at}`)
    return complaints
  }
}

/** The client of one scene, whatever its mode. */
class SceneClient {
  #lane: Lane
  #scene: Scene
  #stream: ResumingClient | null = null
  #repeating: RepeatingClient | null = null
  #endedMs = 0
  #cancel: Promise<void> = Promise.resolve()
  #beside: Promise<void> = Promise.resolve()

  constructor(lane: Lane, scene: Scene, prompt: string) {
    this.#lane = lane
    this.#scene = scene
    const { mode, cancelAt } = scene
    const idempotencyKey = mode.endsWith('key') ? prompt.replaceAll(/\W/g, '-') : null
    const common = {
      url: lane.url,
      prompt,
      idempotencyKey,
      repeatMs: scene.repeatMs ?? (idempotencyKey ? 50 : sdkPauseMs),
      patienceMs,
      isCancelled: cancelAt !== undefined,
    }
    if (mode.startsWith('stream')) {
      const onEvent = (number: number, client: ResumingClient): void => {
        if (number === cancelAt) this.#cancel = lane.cancel(client.ray ?? '')
        if (number === scene.beside?.at) this.#beside = scene.beside.run(lane, client)
      }
      const more = { model: 'lab-model', random: seededRandom(1), dropChance: 0, onEvent }
      this.#stream = new ResumingClient({ ...common, ...more })
    } else {
      const onBegun = (id: string): void => {
        if (cancelAt !== undefined) this.#cancel = lane.cancelAsked(id, prompt)
      }
      this.#repeating = new RepeatingClient({ ...common, onBegun })
    }
  }

  get events(): readonly string[] {
    return this.#stream?.events ?? []
  }

  /** What there is to complain of, if anything. */
  async run(): Promise<string | null> {
    const isInBackground = this.#scene.mode.startsWith('background')
    const complaint = this.#stream
      ? (await this.#stream.run()).complaint
      : ((await (isInBackground ? this.#repeating?.runInBackground() : this.#repeating?.runWhole()))?.complaint ?? null)
    this.#endedMs = Date.now()
    await Promise.all([this.#cancel, this.#beside])
    return complaint
  }

  /**
   * Until the client had the first event that the successor made; where it streams none, until the journal says that
   * the answer was taken over; where nothing was, until the client had what there was.
   */
  takeoverMs(deathMs: number): number | null {
    if (deathMs === 0) return null
    const isLater = ({ time }: Record<string, unknown>): boolean => Date.parse(String(time)) >= deathMs
    const adopted = this.#lane.gateway.lines.filter(({ msg }) => msg === 'answer adopted').find(isLater)
    if (!this.#stream) return (adopted ? Date.parse(String(adopted['time'])) : this.#endedMs) - deathMs
    const first = adopted ? Number(adopted['events']) : 0
    const cameMs = this.#stream.arrivedMs.find((ms, number) => number >= first && ms >= deathMs)
    return cameMs === undefined ? null : cameMs - deathMs
  }
}
