/** In the evening: everything works for a while, so the fleet is what is wished, and nothing else runs. */
import type { FleetWorld } from './fleet-world.ts'

/** So long nothing was begun. */
const restMs = 5 * 60_000

export function checkSettled({ watch, checks, host, nowMs, scenario }: FleetWorld): void {
  const { wishes } = watch
  if (!wishes) return checks.report('settle', 'nothing was ever wished')
  if (nowMs - watch.lastActionMs < restMs)
    checks.report('restless', `something was begun ${Math.round((nowMs - watch.lastActionMs) / 1000)} s before the end`)
  for (const [deployment, { releases }] of wishes.plan)
    for (const { release, replicas, share } of releases) {
      const own = (watch.byDeployment.get(deployment) ?? []).filter((copy) => copy.birth.order.release === release)
      const alive = own.filter(({ isAlive }) => isAlive)
      const serving = alive.filter((copy) => copy.isMember && !copy.isDraining && copy.isReadyAt(nowMs))
      // The load has changed it just now, perhaps.
      if (scenario.deployments.some(({ name, isScaled }) => name === deployment && isScaled)) continue
      const words = `${deployment} ${release}: ${alive.length} run, ${serving.length} serve, ${replicas} are wished`
      const there = share > 0 ? serving.length : alive.length
      if (there < replicas) checks.report('settle', words)
      if (alive.length > replicas) checks.report('leak', words)
    }
  for (const copy of watch.living()) {
    const { deployment, release } = copy.birth.order
    if (!wishes.plan.get(deployment)?.releases.some((each) => each.release === release))
      checks.report('leak', `${copy.name} runs, and nobody wishes its release`)
  }
  const rows = host.rows()
  const isFixed = (name: string): boolean => scenario.deployments.some((each) => each.name === name && !each.isScaled)
  const odd = rows.filter(({ state, deployment }) => state !== 'serving' && isFixed(deployment))
  if (odd.length > 0)
    checks.report('settle', `still told of: ${odd.map(({ name, state }) => `${name} ${state}`).join(', ')}`)
}
