/**
 * The jury: failures as operators meet them, with the cause that a fair judge would name. Written down by someone who
 * had not read the rules, who knew only what docs/reference/causes.md says that each cause means. They are there to
 * find out what the rules do not know; a rule is never written for one of them.
 */
import type { Scenario } from '../scenario.ts'
import { callerCases } from './caller-cases.ts'
import { gatewayCases } from './gateway-cases.ts'
import { networkCases } from './network-cases.ts'
import { overloadCases } from './overload-cases.ts'
import { providerCases } from './provider-cases.ts'
import { secondRound } from './second-round.ts'
import { serverCases } from './server-cases.ts'
import { thirdRound } from './third-round.ts'

export const juryScenarios: readonly Scenario[] = [
  ...networkCases,
  ...serverCases,
  ...providerCases,
  ...overloadCases,
  ...gatewayCases,
  ...callerCases,
  ...secondRound,
  ...thirdRound,
]
