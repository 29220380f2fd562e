/**
 * The one table of everything that can go wrong. Every response, log line, metric and page reads it;
 * `docs/reference/faults.md` is printed from it and a test compares the two.
 */
import { callerFaults } from './caller-faults.ts'
import type { FaultKind } from './fault-kind.ts'
import { gatewayFaults } from './gateway-faults.ts'
import { streamFaults } from './stream-faults.ts'
import { upstreamFaults } from './upstream-faults.ts'
import { webFaults } from './web-faults.ts'

export const faultKinds = {
  ...upstreamFaults,
  ...callerFaults,
  ...gatewayFaults,
  ...streamFaults,
  ...webFaults,
} as const

export type FaultCode = keyof typeof faultKinds

/** The table's row for a code, seen as the common shape. */
export function faultKind(code: FaultCode): FaultKind {
  return faultKinds[code]
}
