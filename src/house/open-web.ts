/** Opens what is served beside the models. Loaded where the configuration has any of it: other workers do without. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { Challenge } from '../edge/challenge/challenge.ts'
import type { Crowd } from '../edge/crowd/crowd.ts'
import type { Web, WebFact } from '../edge/web/web.ts'
import { WebSite } from '../edge/web/web-site.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metric.ts'
import type { Recorder } from '../observe/recorder.ts'
import type { Visit } from '../observe/visit.ts'
import { VisitSums } from '../observe/visit-sums.ts'
import { WebMetrics } from '../observe/web-metrics.ts'
import type { PeerBook } from '../relay/wire/peer-files.ts'
import type { CacheStore } from '../store/cache-store.ts'
import { SqliteCache } from '../store/sqlite-cache.ts'
import { keptSecret, makeSecret } from './secrets.ts'
import { cacheEngine, cachePath, passSecretPath } from './state-files.ts'

/** Trouble of the cache is told so often at most: it comes with every request. */
const warnMs = 60_000

export interface WebBase {
  readonly clock: Clock
  readonly random: Random
  readonly crowd: Crowd
  readonly log: Log
  readonly metrics: Metrics
  readonly recorder: Recorder
  /** For objectives. */
  readonly visited: (visit: Visit) => void
  readonly node: string
  readonly peers: PeerBook
}

export function openWeb(parts: AsyncDisposableStack, config: Config, base: WebBase): Web {
  const { clock, log, metrics, node, random, peers, recorder, visited } = base
  const { web: options, limits } = config
  const store = options.routes.some(({ app, cache }) => app !== undefined && cache)
    ? openCache(config, clock, log, `${node} ${random.bits(32).toString(36)}`)
    : null
  const counted = new WebMetrics(metrics.registry, () => store?.size ?? { entries: 0, bytes: 0 })
  const watched = new Set(config.status.components.flatMap(({ site }) => site))
  const sums = watched.size > 0 ? parts.use(new VisitSums(clock, recorder, watched)) : null
  const settled = (fact: WebFact): void => {
    counted.add(fact)
    visited(fact)
    sums?.add(fact)
    if (config.log.access) log.info(fact, 'web')
  }
  const { bodyBytesMax, stalledReaderMs } = limits
  return new WebSite({ clock, options, node, bodyBytesMax, stalledReaderMs, store, settled, random, peers })
}

/** Null where visitors are never asked for a proof of work. */
export function openChallenge(config: Config, { clock, random, crowd, log }: WebBase): Challenge | null {
  const { challenge: options } = config.guard
  if (!crowd.isOn || options.when === 'never') return null
  const secret = (): Buffer => {
    try {
      return keptSecret(passSecretPath(config), random)
    } catch (error) {
      log.error({ detail: String(error) }, 'the secret of passes cannot be kept: each worker takes only its own')
      return makeSecret(random)
    }
  }
  return new Challenge({ clock, random, crowd, options, secret })
}

/** `owner`: name of this process among those that share it. */
function openCache(config: Config, clock: Clock, log: Log, owner: string): CacheStore {
  const { diskBytesMax, memoryBytesMax, entryBytesMax } = config.web.cache
  let warnedMs = Number.NEGATIVE_INFINITY
  return new SqliteCache(clock, {
    path: cacheEngine(config) === 'memory' ? null : cachePath(config),
    folder: join(config.stateDir, 'cache'),
    bytesMax: diskBytesMax,
    memoryBytesMax,
    entryBytesMax,
    ...(config.workers > 1 && { owner }),
    warn: (detail) => {
      if (clock.monotonicMs() - warnedMs < warnMs) return
      warnedMs = clock.monotonicMs()
      log.warn({ detail }, 'the cache is in trouble')
    },
  })
}
