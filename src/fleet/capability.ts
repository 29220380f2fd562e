/** tmp */
import type { Clock } from '../ground/clock.ts'
import type { Upstream } from './upstream.ts'
export class Capabilities {
  constructor(_clock: Clock) {}
  tellsTokenIds(_upstream: Upstream): boolean { return false }
}
