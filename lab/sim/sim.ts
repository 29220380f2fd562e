/** What every handler of a lab server sees of it. */
import type { Clock } from '../../src/ground/clock.ts'
import type { AnswerRange } from '../answer.ts'
import type { Engine } from '../engine.ts'
import type { FaultPlan } from '../fault-plan.ts'
import type { Profile } from '../profile.ts'
import type { CallLog } from './call-log.ts'

export interface SimSettings {
  /** Name of the one model served. */
  readonly model: string
  /** The only key taken; null = any non-empty one, where the profile wants a key at all. */
  readonly apiKey: string | null
  /** Most tokens of prompt and answer together. */
  readonly contextTokensMax: number
  readonly bodyBytesMax: number
  /** Length of answers nobody asked a length for. */
  readonly answerRange: AnswerRange
  /** Repeats a continued beginning at the start of the answer, as some versions of llama.cpp do. */
  readonly echoesPrefix: boolean
  /** Says other words at every asking, as models do that are not asked greedily; the pieces are still numbered. */
  readonly answersAtRandom: boolean
  /** Requests a minute before the `openai` profile answers 429; 0 = no limit. */
  readonly requestsPerMinute: number
  /** Length of an embedding when the request does not say. */
  readonly embeddingSize: number
}

export interface Sim {
  readonly settings: SimSettings
  readonly profile: Profile
  readonly clock: Clock
  readonly engine: Engine
  readonly faults: FaultPlan
  readonly calls: CallLog
  /** Memory lost on command. */
  readonly leaked: Buffer[]
  /** Dies, as the process would; all connections break. */
  crash(): void
  /** Stops listening for so long. */
  refuse(ms: number): void
}
