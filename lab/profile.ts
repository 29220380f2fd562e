/** The servers that a lab server can pass for: which routes they have, what they refuse, and how they say so. */

/** Everything a lab server can be asked, by name; `/lab/…` is not among them and always there. */
export const routePaths = {
  chat: 'POST /v1/chat/completions',
  completions: 'POST /v1/completions',
  embeddings: 'POST /v1/embeddings',
  responses: 'POST /v1/responses',
  messages: 'POST /v1/messages',
  count_tokens: 'POST /v1/messages/count_tokens',
  models: 'GET /v1/models',
  tokenize: 'POST /tokenize',
  detokenize: 'POST /detokenize',
  health: 'GET /health',
  metrics: 'GET /metrics',
  slots: 'GET /slots',
  props: 'GET /props',
  tags: 'GET /api/tags',
  version: 'GET /version',
  ollama_version: 'GET /api/version',
  ps: 'GET /api/ps',
} as const

export type RouteName = keyof typeof routePaths

export type ProfileName =
  | 'vllm'
  | 'sglang'
  | 'tgi'
  | 'llamacpp'
  | 'ollama'
  | 'openai'
  | 'anthropic'
  | 'mistral'
  | 'deepseek'

export interface Profile {
  readonly name: ProfileName
  readonly routes: readonly RouteName[]
  /**
   * Where the key is looked for (`x-api-key`: there, else as a bearer token); any non-empty key will do unless the
   * server is given one.
   */
  readonly key: 'none' | 'bearer' | 'x-api-key'
  /**
   * What a last assistant message means. `asked`: continued if `continue_final_message` says so; `open`: continued;
   * `new-turn`: history like any other, the answer starts anew; `refused`: 400; `flagged`: continued if it says
   * `prefix: true`, else a new turn; `flag-needed`: the same, else 400.
   */
  readonly prefill: 'asked' | 'open' | 'new-turn' | 'refused' | 'flagged' | 'flag-needed'
  /** Takes the fields of self-hosted engines: token ids, ignore_eos, continue_final_message. The others answer 400. */
  readonly hasEngineFields: boolean
  /** Answers a wrong model name with 404 (else it serves its one model under any name). */
  readonly checksModel: boolean
  readonly badJsonStatus: 400 | 500
  readonly busyStatus: 503 | 529
  readonly slots: number
  readonly waitingMax: number
}

const openSource = { key: 'none', hasEngineFields: true, badJsonStatus: 400, busyStatus: 503 } as const
const hosted = { hasEngineFields: false, checksModel: true, badJsonStatus: 400, slots: 64, waitingMax: 512 } as const

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  vllm: {
    ...openSource,
    name: 'vllm',
    prefill: 'asked',
    checksModel: true,
    slots: 8,
    waitingMax: 512,
    routes: [
      'chat',
      'completions',
      'embeddings',
      'responses',
      'messages',
      'count_tokens',
      'models',
      'tokenize',
      'detokenize',
      'health',
      'metrics',
      'version',
    ],
  },
  llamacpp: {
    ...openSource,
    name: 'llamacpp',
    prefill: 'open',
    checksModel: false,
    badJsonStatus: 500,
    slots: 4,
    waitingMax: 4096,
    routes: [
      'chat',
      'completions',
      'embeddings',
      'responses',
      'messages',
      'count_tokens',
      'models',
      'tokenize',
      'detokenize',
      'health',
      'metrics',
      'slots',
      'props',
    ],
  },
  sglang: {
    ...openSource,
    name: 'sglang',
    prefill: 'asked',
    checksModel: false,
    slots: 8,
    waitingMax: 512,
    routes: ['chat', 'completions', 'embeddings', 'responses', 'models', 'tokenize', 'detokenize', 'health', 'metrics'],
  },
  tgi: {
    ...openSource,
    name: 'tgi',
    prefill: 'asked',
    checksModel: false,
    slots: 8,
    waitingMax: 512,
    routes: ['chat', 'completions', 'models', 'health', 'metrics'],
  },
  // As it was before it learned Anthropic's messages and the responses API: no route for either, no metrics, no token
  // ids.
  ollama: {
    ...openSource,
    name: 'ollama',
    prefill: 'open',
    hasEngineFields: false,
    checksModel: true,
    slots: 1,
    waitingMax: 512,
    routes: ['chat', 'completions', 'embeddings', 'models', 'tags', 'ollama_version', 'ps'],
  },
  openai: {
    ...hosted,
    name: 'openai',
    key: 'bearer',
    prefill: 'new-turn',
    busyStatus: 503,
    routes: ['chat', 'completions', 'embeddings', 'responses', 'models'],
  },
  mistral: {
    ...hosted,
    name: 'mistral',
    key: 'bearer',
    prefill: 'flag-needed',
    busyStatus: 503,
    routes: ['chat', 'embeddings', 'models'],
  },
  deepseek: {
    ...hosted,
    name: 'deepseek',
    key: 'bearer',
    prefill: 'flagged',
    busyStatus: 503,
    routes: ['chat', 'completions', 'models'],
  },
  // The manners of Claude 4.6 and later: no continuation of a last assistant message.
  anthropic: {
    ...hosted,
    name: 'anthropic',
    key: 'x-api-key',
    prefill: 'refused',
    busyStatus: 529,
    routes: ['messages', 'count_tokens', 'models'],
  },
}

export const profileNames = Object.keys(profiles) as ProfileName[]

const routesByPath = new Map(Object.entries(routePaths).map(([name, path]) => [path as string, name as RouteName]))

/**
 * The route of a request; null when this profile has no such one. A path without `/v1` is not understood, as by the
 * real servers.
 */
export function routeOf(profile: Profile, method: string, path: string): RouteName | null {
  const route = routesByPath.get(`${method === 'HEAD' ? 'GET' : method} ${path}`)
  return route !== undefined && profile.routes.includes(route) ? route : null
}
