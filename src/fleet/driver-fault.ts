/** What a driver could not do, and how that is cured. */

/**
 * `away`: whom it asks does not answer; worth another try. `refused`: it answered no, and will again until something is
 * changed. `taken`: a name or port belongs to something that is not ours.
 */
export type DriverFaultKind = 'away' | 'refused' | 'taken'

export class DriverFault extends Error {
  readonly kind: DriverFaultKind
  /** What a person can do about it; one sentence. */
  readonly cure: string

  constructor(kind: DriverFaultKind, message: string, cure: string, cause?: unknown) {
    super(`${message}; ${cure}`, { cause })
    this.name = 'DriverFault'
    this.kind = kind
    this.cure = cure
  }
}
