/** In the evening: everything works for a while, so the fleet is what is wished, and nothing else runs. */
import type { FleetWorld } from './fleet-world.ts'

/** So long nothing was begun. */
const restMs = 5 * 60_000

export function checkSettled({ watch, checks, host, nowMs }: FleetWorld): void {
  const { wishes } = watch
  if (!wishes) return checks.report('settle', 'nothing was ever wished')
  if (nowMs - watch.lastActionMs < restMs)
    checks.report('restless', `something was begun ${Math.round((nowMs - watch.lastActionMs) / 1000)} s before the end`)
  for (const [deployment, { releases }] of wishes.plan)
    for (const { release, replicas } of releases) {
      const own = (watch.byDeployment.get(deployment) ?? []).filter((copy) => copy.birth.order.release === release)
      const alive = own.filter(({ isAlive }) => isAlive)
      const serving = alive.filter((copy) => copy.isMember && !copy.isDraining && copy.isReadyAt(nowMs))
      const words = `${deployment} ${release}: ${alive.length} run, ${serving.length} serve, ${replicas} are wished`
      if (serving.length < replicas) checks.report('settle', words)
      if (alive.length > replicas) checks.report('leak', words)
    }
  for (const copy of watch.living()) {
    const { deployment, release } = copy.birth.order
    if (!wishes.plan.get(deployment)?.releases.some((each) => each.release === release))
      checks.report('leak', `${copy.name} runs, and nobody wishes its release`)
  }
  const rows = host.rows()
  const odd = rows.filter(({ state }) => state !== 'serving')
  if (odd.length > 0)
    checks.report('settle', `still told of: ${odd.map(({ name, state }) => `${name} ${state}`).join(', ')}`)
}
