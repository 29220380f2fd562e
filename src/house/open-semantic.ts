/** The semantic part of the answer cache, where the configuration has it; other workers load nothing of it. */
import type { Config } from '../config.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metric.ts'
import { Embedder } from '../relay/embedder.ts'
import type { Relay } from '../relay/relay-parts.ts'
import { type Look, SemanticAnswers } from '../relay/semantic-answers.ts'
import type { SemanticOptions } from '../relay/semantic-options.ts'
import { SqliteVectors } from '../store/sqlite-vectors.ts'
import { vectorsPath } from './state-files.ts'

/** Trouble of the store is told so often at most: it comes with every call. */
const warnMs = 60_000

export interface SemanticBase {
  readonly config: Config
  readonly options: SemanticOptions
  readonly relay: Relay
  readonly metrics: Metrics
  readonly log: Log
}

export function openSemantic(parts: AsyncDisposableStack, base: SemanticBase): SemanticAnswers {
  const { config, options, relay, metrics, log } = base
  const { clock } = relay
  let warnedMs = Number.NEGATIVE_INFINITY
  const vectors = parts.use(
    new SqliteVectors(clock, {
      path: config.journal.engine === 'memory' ? null : vectorsPath(config),
      perScopeMax: options.perScopeMax,
      vectorsMax: options.questionsMax,
      warn: (detail) => {
        if (clock.monotonicMs() - warnedMs < warnMs) return
        warnedMs = clock.monotonicMs()
        log.warn({ detail }, 'the questions of the semantic cache are in trouble')
      },
    }),
  )
  const embedder = new Embedder(relay, options.model)
  let blindMs = Number.NEGATIVE_INFINITY
  const count = (look: Look): void => {
    metrics.semanticLook(look)
    if (look !== 'blind' || clock.monotonicMs() - blindMs < warnMs) return
    blindMs = clock.monotonicMs()
    log.warn(
      { model: options.model },
      'the embeddings model has the same vector for different questions: none is believed',
    )
  }
  return new SemanticAnswers({ clock, embedder, vectors, options, count })
}
