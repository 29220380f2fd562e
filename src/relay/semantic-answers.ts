/**
 * Finds the answers to questions that mean the same: of those that were asked in the same context, which is compared
 * word for word, the ones whose vectors are nearest. Nothing that goes wrong here is more than a miss.
 */
import type { Clock } from '../ground/clock.ts'
import { judgeWording } from '../dialect/meaning/wording.ts'
import { nearest } from '../ground/nearest.ts'
import type { VectorStore } from '../store/vector-store.ts'
import type { Embedder, NoVector } from './embedder.ts'
import type { Order } from './order.ts'
import type { SemanticOptions } from './semantic-options.ts'

/** What came of a look, or `kept`: there is one more question to compare with. `near`: there are candidates; `far`: none is near enough; `blind`: one has the same vector and other words; `alone`: nothing to compare with. */
export type Look = 'kept' | 'near' | 'far' | 'blind' | 'alone' | 'dimensions' | NoVector

/** A kept answer that may do. */
export interface Candidate {
  readonly name: string
  readonly similarity: number
}

/** The nearest may be gone, or too old; so many are looked for. */
const candidatesMax = 3

export interface SemanticParts {
  readonly clock: Clock
  readonly embedder: Pick<Embedder, 'ask' | 'failed' | 'succeeded'>
  readonly vectors: VectorStore
  readonly options: Pick<SemanticOptions, 'threshold' | 'waitMs'>
  readonly count: (look: Look) => void
}

export class SemanticAnswers {
  #parts: SemanticParts
  /** Vectors of the questions under way, for the time when their answers are kept. */
  #asked = new WeakMap<Order, Promise<Float32Array | NoVector>>()

  constructor(parts: SemanticParts) {
    this.#parts = parts
  }

  /** Never rejects, and takes `waitMs` at most. */
  async find(order: Order): Promise<readonly Candidate[]> {
    const semantic = order.cache?.semantic
    if (!semantic) return []
    const { vectors, options, embedder, count } = this.#parts
    const asked = embedder.ask(order, semantic.text)
    this.#asked.set(order, asked)
    const scopes = semantic.scopes.map((scope) => vectors.of(scope))
    const isAlone = !order.cache?.mayRead || scopes.every(({ names }) => names.length === 0)
    // Nothing is waited for that could not be compared.
    if (isAlone) {
      void this.#inTime(asked).then((vector) => this.#learn(vector))
      count('alone')
      return []
    }
    const vector = await this.#inTime(asked)
    this.#learn(vector)
    if (typeof vector === 'string') {
      count(vector)
      return []
    }
    const found: Candidate[] = []
    let comparedCount = 0
    let isBlind = false
    for (const { names, wordings, vectors: others } of scopes) {
      comparedCount += others.filter(({ length }) => length === vector.length).length
      for (const { at, similarity } of nearest(vector, others, options.threshold, candidatesMax)) {
        const judged = judgeWording(semantic.wording, wordings[at] as string, similarity)
        if (judged === 'fine') found.push({ name: names[at] as string, similarity })
        isBlind ||= judged === 'blind'
      }
    }
    found.sort((a, b) => b.similarity - a.similarity)
    count(isBlind ? 'blind' : found.length > 0 ? 'near' : comparedCount > 0 ? 'far' : 'dimensions')
    // Who has one vector for different words is not believed in what else he finds near.
    return isBlind ? [] : found.slice(0, candidatesMax)
  }

  /** The answer to this order is kept for others: its question is, too. */
  keep(order: Order): void {
    const { cache, caller, call } = order
    if (!cache?.semantic) return
    const { wording } = cache.semantic
    const [scope] = cache.semantic.scopes
    const untilMs = this.#parts.clock.nowMs() + cache.semantic.keepMs
    void this.#asked.get(order)?.then((vector) => {
      if (typeof vector === 'string' || scope === undefined) return
      const { vectors, count } = this.#parts
      const kept = vectors.put({ scope, name: cache.keptName, caller, model: call.model, vector, wording, untilMs })
      return kept.then((isKept) => void (isKept && count('kept')))
    })
  }

  #learn(vector: Float32Array | NoVector): void {
    if (typeof vector !== 'string') this.#parts.embedder.succeeded()
    // What failed is counted where it did.
    else if (vector === 'late') this.#parts.embedder.failed()
  }

  #inTime(asked: Promise<Float32Array | NoVector>): Promise<Float32Array | NoVector> {
    const { promise, resolve } = Promise.withResolvers<Float32Array | NoVector>()
    const late = this.#parts.clock.after(this.#parts.options.waitMs, () => resolve('late'))
    void asked.then((vector) => {
      late.cancel()
      resolve(vector)
    })
    return promise
  }
}
