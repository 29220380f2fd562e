/** What of deployments no schema can say: what they name must be there, and their names must be free. */
import type { Problem } from '../ground/config-error.ts'
import type { Deployments } from './deployment-options.ts'

interface Asked {
  readonly deployments: Deployments
  readonly upstreams: Readonly<Record<string, unknown>>
}

export function checkDeployments(
  { deployments, upstreams }: Asked,
  locate: (path: readonly PropertyKey[]) => string,
): Problem[] {
  return Object.entries(deployments).flatMap(([name, { release, releases, replicas, autoscale, pool = name }]) => {
    const problem = (path: readonly string[], message: string, cure: string): Problem => {
      const at = ['deployments', name, ...path]
      return { place: locate(at), field: at.join('.'), message, cure }
    }
    const known = Object.keys(releases)
    const taken = Object.keys(upstreams).find((upstream) => upstream.startsWith(`${name}-`))
    const found: Problem[] = []
    if (release !== undefined && !known.includes(release)) {
      const message = `there is no release named ${JSON.stringify(release)}`
      found.push(problem(['release'], message, `There are: ${known.join(', ')}.`))
    }
    if (replicas.min > replicas.max) {
      const message = `${replicas.min} run at least, and ${replicas.max} at most`
      found.push(problem(['replicas', 'max'], message, 'Raise it, or lower `min`.'))
    }
    const other =
      autoscale &&
      Object.entries(deployments).find(
        ([each, { autoscale: own, pool: joined = each }]) => own && each < name && joined === pool,
      )
    if (other) {
      const message = `${other[0]} and it are scaled by the load of the same pool, ${pool}`
      found.push(problem(['autoscale'], message, 'Give each a pool of its own, or let one be scaled alone.'))
    }
    if (taken !== undefined)
      found.push(problem([], `the upstream ${taken} has a name that a replica could have`, 'Rename one of the two.'))
    return found
  })
}
