/** Which deployments an incident is about: one of their models does not do well, or, where none are named, anything. */
import type { Trouble } from '../control/autoscale/demand.ts'
import type { Deployments } from '../control/deployment-options.ts'
import { type Component, isOfSite } from '../status/component.ts'
import { type Incident, isOpen } from '../status/incident.ts'

/** By deployment; those that are as usual are left out. An outage: most of the calls of one of its components fail. */
export function troublesAmong(
  deployments: Deployments,
  incidents: readonly Pick<Incident, 'stage' | 'mergedInto' | 'affected'>[],
  components: readonly Component[],
): Record<string, Trouble> {
  const harmed = incidents
    .filter(isOpen)
    .flatMap(({ affected }) => affected.map(({ component, level }) => ({ component, level })))
  const found: Record<string, Trouble> = {}
  for (const [name, { models }] of Object.entries(deployments)) {
    const own = new Set(components.filter((each) => isAbout(each, models)).map(({ id }) => id))
    const levels = harmed.flatMap(({ component, level }) => (own.has(component) ? [level] : []))
    if (levels.length > 0) found[name] = levels.includes('major_outage') ? 'outage' : 'incident'
  }
  return found
}

function isAbout(component: Component, models: readonly string[] | undefined): boolean {
  if (isOfSite(component)) return false
  return !models || component.models.length === 0 || component.models.some((each) => models.includes(each))
}
