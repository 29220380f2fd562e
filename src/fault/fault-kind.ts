/** The shape of a row in the table of faults. */

/** Whose fault it was. `network` is what lies between us and an upstream; `upstream` is the model server itself. */
export type Source = 'client' | 'gateway' | 'network' | 'upstream' | 'third-party' | 'operator'

/**
 * May the same call be tried again by us?
 * `other`: on another upstream only; `same`: on another, and later on the same one, too; `wait`: on another now, on the
 * same one after its Retry-After; `no`: never. Where no byte of the request could leave, it counts as not tried.
 */
export type Retry = 'other' | 'same' | 'wait' | 'no'

export interface FaultKind {
  /** HTTP status for the caller when no head has been sent yet. 499 is only ever logged. */
  readonly status: number
  readonly source: Source
  readonly retry: Retry
  /** Proxy-Status error type, RFC 9209 section 2.3; null where the error is not one a proxy speaks of. */
  readonly proxyError: string | null
  /** The Envoy response flag that operators may know it by; empty when there is none. */
  readonly envoyFlag: string
  /** Value of `x-should-retry` for SDKs that obey it. */
  readonly shouldCallerRetry: boolean
  /** `error.type` and `error.code` in the OpenAI shape. */
  readonly openai: readonly [type: string, code: string]
  /** `error.type` in the Anthropic shape. */
  readonly anthropic: string
  /** A few words; the title of the error page. */
  readonly title: string
  /** One plain sentence for the person who sees it. */
  readonly sentence: string
  /** What the operator can do about it. */
  readonly cure: string
}
