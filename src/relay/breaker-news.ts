/** Tells the log, the record and the metrics what becomes of breakers, the reason in words. */
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metric.ts'
import type { Recorder } from '../observe/recorder.ts'
import type { BreakerListener } from './overload/breakers.ts'

export type BreakerMetrics = Pick<Metrics, 'breakerOpened' | 'breakerAsked'>

export function breakerNews(log: Log, recorder: Recorder, metrics: BreakerMetrics): BreakerListener {
  return {
    onOpened: ({ upstream, model, breaker, isTriedByCalls }, why) => {
      metrics.breakerOpened(upstream.name, why)
      const returnsBy = isTriedByCalls ? 'a call that is answered' : 'a token that it is asked for'
      const { reason, openMs } = breaker
      const state = why === 'outlier' ? 'ejected' : 'opened'
      recorder.note({ kind: 'breaker', upstream: upstream.name, model, state, reason, openMs })
      log.warn({ upstream: upstream.name, model, reason, openMs, returnsBy }, 'model of an upstream is out of use')
    },
    onReturned: ({ upstream, model }) => {
      const facts = { upstream: upstream.name, model, reason: '', openMs: 0 }
      recorder.note({ kind: 'breaker', state: 'returned', ...facts })
      log.info({ upstream: upstream.name, model }, 'model of an upstream generates again and gets a part of the calls')
    },
  }
}
