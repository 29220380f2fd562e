/** What the relay does when servers come and go while it runs: asks newcomers how they are, forgets those that left. */
import type { Fleet } from '../fleet/fleet.ts'
import type { EngineWatch } from './engine-watch.ts'
import type { Relay } from './relay-parts.ts'
import type { RelayPlane } from './relay.ts'
import type { RollCall } from './roll-call.ts'

type Kept = Pick<Relay, 'places' | 'breakers' | 'balancer' | 'wires'>

export interface Watchers {
  readonly plane: Pick<RelayPlane, 'moveFrom' | 'breakFrom'>
  readonly rollCall: RollCall
  /** Null where engines are not asked. */
  readonly engineWatch: EngineWatch | null
}

export function followFleet(
  fleet: Fleet,
  { places, breakers, balancer, wires }: Kept,
  { plane, rollCall, engineWatch }: Watchers,
): void {
  fleet.follow({
    onJoined(upstream) {
      rollCall.add(upstream)
      engineWatch?.add(upstream)
      places.welcome()
    },
    onDraining(upstream, moveAfterMs) {
      if (moveAfterMs !== null) plane.moveFrom(upstream, { afterMs: moveAfterMs })
    },
    onLeft(upstream, wasDraining) {
      plane.breakFrom(upstream, wasDraining)
      rollCall.forget(upstream)
      engineWatch?.forget(upstream)
      places.forget(upstream)
      breakers.forget(upstream)
      balancer.forget(upstream)
      wires.close?.(upstream)
    },
  })
}
