/**
 * A process that tells subscribers of a view until it is killed: folder, port of the mail server, and by how much its
 * clock is ahead, as arguments.
 */
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openSubscriptions } from '../../src/house/open-subscriptions.ts'
import { silentLog } from '../../src/observe/log.ts'
import { subscriptionSchema } from '../../src/status/subscription/subscription-options.ts'
import { crashView } from './crash-view.ts'

const [folder = '', port = '', aheadMs = ''] = process.argv.slice(2)
const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + Number(aheadMs) }
const mail = { host: '127.0.0.1', port: Number(port), security: 'none', from: 'status@example.org' }
const view = crashView(clock.nowMs())
const desk = openSubscriptions(new AsyncDisposableStack(), {
  stateDir: folder,
  options: subscriptionSchema.parse({ mail, timeoutMs: 2000, parallelMax: 4 }),
  clock,
  random: systemRandom,
  log: silentLog,
  view: () => view,
})
await desk?.tell(view)
await desk?.tend()
process.stdout.write('telling\n')
// Its own timers keep no process alive.
setInterval(() => {}, 1000)
