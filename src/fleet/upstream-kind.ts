/** The kinds of model servers, and what each speaks. */
import type { Route } from '../dialect/call.ts'

/** What each kind of server speaks when nobody says otherwise. */
export const spokenByKind = {
  openai: ['chat', 'completions', 'embeddings', 'responses'],
  vllm: ['chat', 'completions', 'embeddings', 'responses'],
  sglang: ['chat', 'completions', 'embeddings', 'responses'],
  llamacpp: ['chat', 'completions', 'embeddings', 'responses', 'messages', 'count_tokens'],
  ollama: ['chat', 'completions', 'embeddings'],
  lmstudio: ['chat', 'completions', 'embeddings', 'responses'],
  tgi: ['chat', 'completions'],
  mistral: ['chat', 'embeddings'],
  deepseek: ['chat', 'completions'],
  anthropic: ['messages', 'count_tokens'],
  compatible: ['chat', 'completions', 'embeddings'],
} as const satisfies Record<string, readonly Route[]>

export type UpstreamKind = keyof typeof spokenByKind
export const kinds = Object.keys(spokenByKind) as [UpstreamKind, ...UpstreamKind[]]
