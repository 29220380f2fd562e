/** Tells the log and the metrics what becomes of breakers, the reason in words. */
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metric.ts'
import type { BreakerListener } from './overload/breakers.ts'

export type BreakerMetrics = Pick<Metrics, 'breakerOpened' | 'breakerAsked'>

export function breakerNews(log: Log, metrics: BreakerMetrics): BreakerListener {
  return {
    onOpened: ({ upstream, model, breaker, isTriedByCalls }, why) => {
      metrics.breakerOpened(upstream.name, why)
      const returnsBy = isTriedByCalls ? 'a call that is answered' : 'a token that it is asked for'
      const { reason, openMs } = breaker
      log.warn({ upstream: upstream.name, model, reason, openMs, returnsBy }, 'model of an upstream is out of use')
    },
    onReturned: ({ upstream, model }) => {
      log.info({ upstream: upstream.name, model }, 'model of an upstream generates again and gets a part of the calls')
    },
  }
}
