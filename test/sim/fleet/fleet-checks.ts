/** What must never be seen of a fleet, by name. */
import type { Checks, Violation } from '../checks.ts'

export const checkNames = {
  below: 'one that serves was taken away below what the present load needs',
  order: 'one that serves was taken away before as many others serve as are wished',
  double: 'a name ran twice at once',
  unready: 'one gets calls that was never ready, or is known to be dead',
  rate: 'more was begun within a minute than is allowed',
  'dry-run': 'something was done in a dry run',
  facts: 'something was done and not told, or told and not done',
  settle: 'the fleet did not come to what is wished although all works again',
  leak: 'something runs that nobody wishes',
  ill: 'one that hangs got calls for long',
  well: 'replicas that are well were replaced as sick ones',
  restless: 'replicas came and went without a reason',
  bounds: 'more or fewer were wished than are allowed',
  load: 'what was wished did not follow the load',
  shares: 'calls went where the plan has none, or shares made no whole',
  bad: 'a release that is no good was given all calls, or stayed',
  held: 'what was paused, or held, was changed',
  memory: 'what is remembered grows without end',
  crash: 'production code threw',
} as const

export type CheckName = keyof typeof checkNames

export type FleetChecks = Checks<CheckName>

export type FleetViolation = Violation<CheckName>
