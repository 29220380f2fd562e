/** What a simulated engine counts about itself: the source of its `/metrics` page. */
import { gapBounds, Histogram, stepBounds, waitBounds } from './histogram.ts'

export type EndReason = 'stop' | 'length' | 'abort'

export class EngineCounters {
  promptTokens = 0
  generationTokens = 0
  /** In tokens, as vLLM counts them. */
  prefixQueries = 0
  prefixHits = 0
  preemptions = 0
  readonly ended: Record<EndReason, number> = { stop: 0, length: 0, abort: 0 }
  readonly iterationTokens = new Histogram(stepBounds)
  readonly firstTokenSeconds = new Histogram(waitBounds)
  readonly interTokenSeconds = new Histogram(gapBounds)
  readonly queueSeconds = new Histogram(waitBounds)
  readonly prefillSeconds = new Histogram(waitBounds)
  readonly decodeSeconds = new Histogram(waitBounds)
  readonly wholeSeconds = new Histogram(waitBounds)
}
