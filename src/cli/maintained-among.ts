/** Which deployments are under planned maintenance: it names them, one of their replicas or models, or everything. */
import type { Deployments } from '../control/deployment-options.ts'
import type { Announced } from '../house/mute-announced.ts'

export function maintainedAmong(deployments: Deployments, { upstreams, models, all }: Announced): string[] {
  const names = [...upstreams.keys()]
  return Object.entries(deployments).flatMap(([name, { models: offered = [] }]) => {
    const isNamed = names.some((each) => each === name || each.startsWith(`${name}-`))
    return isNamed || all !== null || offered.some((model) => models.has(model)) ? [name] : []
  })
}
