/** What the stories of official clients stand on: a lab model server, a whole house before it, a client of each. */
import assert from 'node:assert/strict'
import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { ProfileName } from '../../lab/profile.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { parseRay } from '../../src/fault/ray.ts'
import { type House, openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'

/** The lab's engine this much faster than life, so that a story takes milliseconds. */
const speed = 50

export class Stage implements AsyncDisposable {
  readonly house: House
  readonly model: string
  /** The key that the clients show. */
  key = 'sk-nobody-looks-at-it'

  constructor(house: House, model: string) {
    this.house = house
    this.model = model
  }

  get url(): string {
    return this.house.urls[0] ?? ''
  }

  /** Clients that try once, so that a test sees what the gateway says, unless told otherwise. */
  openai(options: { maxRetries?: number } = {}): OpenAI {
    return new OpenAI({ baseURL: `${this.url}/v1`, apiKey: this.key, maxRetries: 0, timeout: 20_000, ...options })
  }

  anthropic(options: { maxRetries?: number } = {}): Anthropic {
    return new Anthropic({ baseURL: this.url, apiKey: this.key, maxRetries: 0, timeout: 20_000, ...options })
  }

  vercel(): OpenAICompatibleProvider {
    return createOpenAICompatible({ name: 'holdfast', baseURL: `${this.url}/v1`, apiKey: this.key, includeUsage: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]()
  }
}

/** A house before one model server, which offers `model`. */
export async function openStage(upstream: object, model: string, settings: Partial<ConfigInput> = {}): Promise<Stage> {
  const config = checkConfig({
    listeners: [{ port: 0 }],
    journal: { engine: 'memory' },
    upstreams: { only: upstream },
    timeouts: { patienceMs: 0 },
    // What becomes of an answer that breaks off is to be seen, and not mended.
    continuation: { enabled: false },
    ...settings,
  })
  return new Stage(await openHouse(config, silentLog), model)
}

export class LabStage extends Stage {
  readonly sim: SimServer

  constructor(house: House, sim: SimServer) {
    super(house, 'lab-model')
    this.sim = sim
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]()
    await this.sim.close()
  }
}

/** A house before a lab server that passes for one of five. */
export async function openLabStage(profile: ProfileName, settings: Partial<ConfigInput> = {}): Promise<LabStage> {
  const sim = await openSimServer({ profile, engine: { speed } })
  const stage = await openStage({ url: `${sim.url}/v1`, kind: profile, key: 'sk-of-the-house' }, 'lab-model', settings)
  return new LabStage(stage.house, sim)
}

/** The error that this ends in, which must be of that class and bear the ray as its request id. */
export async function errorOf<T extends Error & { requestID?: string | null | undefined }>(
  kind: abstract new (...args: never[]) => T,
  run: () => PromiseLike<unknown>,
): Promise<T> {
  let thrown: unknown
  try {
    await run()
  } catch (error) {
    thrown = error
  }
  assert.ok(thrown instanceof kind, `${kind.name} expected: ${String(thrown)}`)
  return thrown
}

export function assertRay(requestId: string | null | undefined): void {
  assert.ok(parseRay(requestId ?? ''), `${requestId} is no ray`)
}
