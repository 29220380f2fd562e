/** What visitors of an error page are told of the service as a whole: what goes on, and where to read more. */

export interface Notice {
  /** Of the status page; empty where there is none. */
  readonly statusUrl: string
  /** The worst incident that goes on; null for none. */
  readonly incident: { readonly title: string; readonly words: string; readonly etaWords: string } | null
}

export const noNotice: Notice = { statusUrl: '', incident: null }
