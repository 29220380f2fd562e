/** Saying no as the imitated server would: one list of reasons, five ways to word them. */
import type { Profile, RouteName } from '../profile.ts'

/** For each reason: status, then the `type` that OpenAI, vLLM, llama.cpp and Anthropic give it. */
const reasons = {
  bad_json: [400, 'invalid_request_error', 'BadRequestError', 'server_error', 'invalid_request_error'],
  bad_request: [400, 'invalid_request_error', 'BadRequestError', 'invalid_request_error', 'invalid_request_error'],
  context: [400, 'invalid_request_error', 'BadRequestError', 'exceed_context_size_error', 'invalid_request_error'],
  no_key: [401, 'invalid_request_error', 'UnauthorizedError', 'authentication_error', 'authentication_error'],
  unknown_model: [404, 'invalid_request_error', 'NotFoundError', 'not_found_error', 'not_found_error'],
  unknown_route: [404, 'invalid_request_error', 'NotFoundError', 'not_found_error', 'not_found_error'],
  too_large: [413, 'invalid_request_error', 'RequestEntityTooLargeError', 'invalid_request_error', 'request_too_large'],
  rate_limit: [429, 'requests', 'TooManyRequestsError', 'rate_limit_error', 'rate_limit_error'],
  internal: [500, 'server_error', 'InternalServerError', 'server_error', 'api_error'],
  busy: [503, 'server_error', 'ServiceUnavailableError', 'unavailable_error', 'overloaded_error'],
} as const

export type RefusalReason = keyof typeof reasons

const openaiCodes: Partial<Record<RefusalReason, string>> = {
  context: 'context_length_exceeded',
  no_key: 'invalid_api_key',
  unknown_model: 'model_not_found',
  unknown_route: 'unknown_url',
  rate_limit: 'rate_limit_exceeded',
}

/** Thrown by whoever reads a request; answered in one place. */
export class Refusal extends Error {
  readonly reason: RefusalReason
  readonly param: string | null
  readonly extra: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
  constructor(
    reason: RefusalReason,
    message: string,
    more: { param?: string; extra?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message)
    this.reason = reason
    this.param = more.param ?? null
    this.extra = more.extra ?? {}
    this.headers = more.headers ?? {}
  }
}

/** The error body as the profile words it on that route. */
export function toErrorBody(profile: Profile, route: RouteName | null, refusal: Refusal, requestId: string): object {
  const [, openai, vllm, llamacpp, anthropic] = reasons[refusal.reason]
  const { message, param } = refusal
  const status = toStatus(profile, refusal)
  if (profile.name === 'anthropic' || route === 'messages' || route === 'count_tokens') {
    return { type: 'error', error: { type: anthropic, message }, request_id: requestId }
  }
  if (profile.name === 'openai' || profile.name === 'deepseek' || profile.name === 'mistral')
    return { error: { message, type: openai, param, code: openaiCodes[refusal.reason] ?? null } }
  if (profile.name === 'vllm' || profile.name === 'sglang')
    return { error: { message, type: vllm, param, code: status } }
  if (profile.name === 'llamacpp') return { error: { code: status, message, type: llamacpp, ...refusal.extra } }
  return {
    error: {
      message,
      type:
        refusal.reason === 'unknown_model' ? 'not_found_error' : status < 500 ? 'invalid_request_error' : 'api_error',
      param,
      code: null,
    },
  }
}

export function toStatus(profile: Profile, refusal: Refusal): number {
  if (refusal.reason === 'bad_json') return profile.badJsonStatus
  if (refusal.reason === 'busy') return profile.busyStatus
  return reasons[refusal.reason][0]
}
