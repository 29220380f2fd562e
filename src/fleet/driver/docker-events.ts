/** What the engine tells of our containers while it happens. */
import type { Clock } from '../../ground/clock.ts'
import { Rewatch } from './rewatch.ts'
import type { DockerEngine } from './docker-engine.ts'

/** @param label that our containers bear, `key=value` */
export function dockerEvents(engine: DockerEngine, clock: Clock, label: string): Rewatch {
  const query = { filters: { type: ['container'], label: [label] } }
  const events: Rewatch = new Rewatch(
    clock,
    async (signal) => await engine.follow({ path: '/events', query }, () => events.tell(), signal),
  )
  return events
}
