/**
 * What OpenTelemetry's conventions call what we know. The words for models are still in development there: these are
 * those of the conventions 1.45 (and of their own repository, 0.1).
 */

/** The languages of callers: the operation that each asks for, and its path. */
export const operations: Readonly<Record<string, { readonly name: string; readonly route: string }>> = {
  chat: { name: 'chat', route: '/v1/chat/completions' },
  completions: { name: 'text_completion', route: '/v1/completions' },
  embeddings: { name: 'embeddings', route: '/v1/embeddings' },
  responses: { name: 'chat', route: '/v1/responses' },
  messages: { name: 'chat', route: '/v1/messages' },
  count_tokens: { name: 'count_tokens', route: '/v1/messages/count_tokens' },
}

/** Of our own server, which stands for all models behind it. */
export const ownProvider = 'holdfast'

/** What is told of an upstream. */
export interface UpstreamIdentity {
  /** `gen_ai.provider.name`: `openai`, `anthropic`, or the kind of the server. */
  readonly provider: string
  readonly address: string
  readonly port: number
}

/** Upper ends of buckets, seconds, as the conventions give them. */
export const durationBounds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
export const firstTokenBounds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
export const perTokenBounds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
export const requestBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
export const tokenBounds = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
]
