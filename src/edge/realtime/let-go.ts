/** Lets go of a connection behind its last word. */
import type { Duplex } from 'node:stream'
import type { Clock } from '../../ground/clock.ts'

/** After the last word: for the other side to read it. What it still says meanwhile is not looked at. */
const lastWordMs = 1000

/**
 * What was said last is still delivered: a connection that is closed with bytes unread takes it along. Who never closes
 * his side holds it for a second, who takes nothing for `stalledMs`.
 */
export function letGo(side: Duplex, clock: Clock, stalledMs: number): void {
  if (side.destroyed) return
  const leave = (): void => {
    if (side.writableFinished) side.destroy()
    else side.once('finish', () => side.destroy())
  }
  const timers = [clock.after(lastWordMs, leave), clock.after(stalledMs, () => side.destroy())]
  side.once('close', () => {
    for (const timer of timers) timer.cancel()
  })
  side.end()
  if (side.readableEnded) return leave()
  side.once('end', leave)
  side.resume()
}
