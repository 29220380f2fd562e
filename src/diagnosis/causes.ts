/**
 * The one table of causes: why calls fail. A fault's code says what was seen; a cause says what was behind it. To add
 * one, give it a row in the file of its class: what it explains, and what speaks for it or against.
 */
import { applicationCauses } from './application-causes.ts'
import type { Cause } from './cause.ts'
import { clientCauses } from './client-causes.ts'
import { gatewayCauses } from './gateway-causes.ts'
import { maintenanceCauses } from './maintenance-causes.ts'
import { networkCauses } from './network-causes.ts'
import { overloadCauses } from './overload-causes.ts'
import { thirdPartyCauses } from './third-party-causes.ts'
import { webCauses } from './web-causes.ts'

export const causes = {
  ...overloadCauses,
  ...networkCauses,
  ...maintenanceCauses,
  ...thirdPartyCauses,
  ...applicationCauses,
  ...clientCauses,
  ...gatewayCauses,
  ...webCauses,
} as const satisfies Record<string, Cause>

export type CauseName = keyof typeof causes

export const causeNames = Object.keys(causes) as CauseName[]

/** The table's row for a name, seen as the common shape. */
export function causeOf(name: CauseName): Cause {
  return causes[name]
}
