/** A request as understood: in which language the caller asked, for which model, and the caller's own bytes. */
import type { JsonBody } from './json-body.ts'

/** The languages of models that callers and upstreams speak, one a path. */
export const routes = {
  chat: { path: '/chat/completions', family: 'openai' },
  completions: { path: '/completions', family: 'openai' },
  embeddings: { path: '/embeddings', family: 'openai' },
  responses: { path: '/responses', family: 'openai' },
  messages: { path: '/messages', family: 'anthropic' },
  count_tokens: { path: '/messages/count_tokens', family: 'anthropic' },
} as const satisfies Record<string, { path: string; family: Family }>

/** Whose error shapes and headers apply. */
export type Family = 'openai' | 'anthropic'
export type Route = keyof typeof routes
export const routeNames = Object.keys(routes) as Route[]

export interface Call {
  readonly route: Route
  /** The model as the caller named it. */
  readonly model: string
  readonly isStream: boolean
  /** The caller's limit to the tokens of the answer; null for none. */
  readonly outputTokensMax: number | null
  /** The caller's bytes and an index of their top level; never changed. */
  readonly body: JsonBody
  /** Headers of the caller that belong to the language (anthropic-version, anthropic-beta, openai-beta), lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** Tokens as the upstream counted them; absent where it did not say. */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly cachedTokens?: number
}
