/** Who gets calls, as the workers are told it: anew when something has changed, which is seldom, and cheap to see. */
import type { SeenReplica } from '../fleet/driver.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import type { DeploymentOptions, Deployments } from './deployment-options.ts'
import type { KnownReplica } from './known-replica.ts'

interface Shown {
  readonly name: string
  readonly deployment: string
  readonly url: string
  readonly isDraining: boolean
  readonly weight: number
  readonly cohort: string | null
  readonly options: DeploymentOptions | undefined
}

export class FleetRoll {
  #shown: Shown[] = []
  #kept: readonly FleetReplica[] = []
  /** As an earlier process told of them: of deployments that are no more nothing else is known. */
  #before: ReadonlyMap<string, FleetReplica>

  constructor(before: readonly FleetReplica[]) {
    this.#before = new Map(before.map((each) => [each.name, each]))
  }

  /** All members; null where they are as before. @param kept those of which nothing was seen yet, as they were told */
  changed(
    seen: readonly SeenReplica[],
    knownOf: (name: string) => Pick<KnownReplica, 'membership' | 'weight' | 'cohort'>,
    deployments: Deployments,
    kept: readonly FleetReplica[],
  ): FleetReplica[] | null {
    const shown = this.#shown
    let count = 0
    let isSame = kept.length === this.#kept.length && kept.every((each, i) => each === this.#kept[i])
    for (const { name, url, deployment } of seen) {
      const known = knownOf(name)
      const { membership, weight, cohort } = known
      if (membership === 'out' || url === null) continue
      const isDraining = membership === 'draining'
      const options = deployments[deployment]
      const before = shown[count]
      const isOther = before?.name !== name || before.deployment !== deployment || before.url !== url
      if (isOther || before.options !== options || before.isDraining !== isDraining || !hasSame(before, known)) {
        isSame = false
        shown[count] = { name, deployment, url, isDraining, weight, cohort, options }
      }
      count++
    }
    if (isSame && count === shown.length) return null
    shown.length = count
    this.#kept = kept
    return [...shown.map((each) => memberOf(each, this.#before.get(each.name))), ...kept]
  }
}

type Standing = Pick<KnownReplica, 'weight' | 'cohort'>

const hasSame = (one: Standing, other: Standing): boolean => one.weight === other.weight && one.cohort === other.cohort

function memberOf(
  { name, deployment, url, options, weight, cohort, isDraining }: Shown,
  before: FleetReplica | undefined,
): FleetReplica {
  if (!options && before?.url.startsWith(url)) return { ...before, weight, cohort, isDraining }
  const { apiPath = '', priority = 0, models = null, pool = deployment } = options ?? {}
  const moveAfterMs = options?.drain.moveAfterMs ?? 0
  return { name, url: `${url}${apiPath}`, pool, weight, cohort, priority, models, isDraining, moveAfterMs }
}
