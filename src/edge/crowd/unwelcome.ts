/** What comes for these, and in masses, is an attack. */
import type { FaultCode } from '../../fault/code.ts'

export const unwelcome: ReadonlySet<FaultCode> = new Set([
  ...(['HF_KEY_UNKNOWN', 'HF_KEY_REVOKED', 'HF_BAD_HTTP', 'HF_ROUTE_UNKNOWN', 'HF_METHOD_UNKNOWN'] as const),
  'HF_ADDRESS_REFUSED',
])
