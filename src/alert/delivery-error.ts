/** Why a delivery failed, in words without secrets. */

export interface DeliveryFacts {
  /** When the receiver wants to be asked again; null where it did not say. */
  readonly retryAfterMs?: number | null
  /** It will not be taken later either. */
  readonly isFinal?: boolean
  /** The receiver was not even asked: it is our own way to it that fails, as it does for others. */
  readonly isOurs?: boolean
  /** All of it was sent, and nothing was said: it may have been taken. */
  readonly isUnsure?: boolean
}

export class DeliveryError extends Error {
  readonly retryAfterMs: number | null
  readonly isFinal: boolean
  readonly isOurs: boolean
  readonly isUnsure: boolean

  constructor(
    message: string,
    { retryAfterMs = null, isFinal = false, isOurs = false, isUnsure = false }: DeliveryFacts = {},
  ) {
    super(message)
    this.name = 'DeliveryError'
    this.retryAfterMs = retryAfterMs
    this.isFinal = isFinal
    this.isOurs = isOurs
    this.isUnsure = isUnsure
  }
}
