/** What every fact of the record tells. */
import type { FaultCode } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'

export interface BaseFact {
  /** When, milliseconds since 1970. */
  readonly atMs: number
  /** The process that saw it: `supervisor` or `worker-<number>`, `/` and its process number. */
  readonly node: string
  /** The call it is of; null where it is of none. */
  readonly ray: Ray | null
  /** The upstream it is of, by its name in the configuration; null where it is of none. */
  readonly upstream: string | null
  /** The fault behind it; null where there is none. */
  readonly code: FaultCode | null
}
