/**
 * THE TABLE of fields that do not change what is answered: by it two calls that are spelled differently are seen to ask
 * the same. A field that is not in it counts as it stands: an answer that is asked for once too often costs money, one
 * that is given to another question costs trust.
 */
import type { Route } from '../call.ts'

export interface FieldRule {
  readonly names: readonly string[]
  /** Left out of these; null: of all. */
  readonly routes: readonly Route[] | null
  /** As good as absent when it has one of these values, as JSON; null: whatever it says. */
  readonly values: readonly string[] | null
  readonly why: string
}

const openai: readonly Route[] = ['chat', 'completions', 'responses', 'embeddings']
const sampled: readonly Route[] = ['chat', 'completions']

/**
 * `temperature` and `top_p` have no default here: servers of one's own take theirs from the model. Neither is
 * `cache_salt` left out: whoever sends one wants to be apart.
 */
export const fieldRules: readonly FieldRule[] = [
  // Whatever they say.
  rule(['stream', 'stream_options'], null, null, 'how it is sent; told apart as its form'),
  rule(['store'], null, null, 'whether it is kept; told apart as its form'),
  rule(['metadata'], null, null, 'labels, which no model reads'),
  rule(['user', 'safety_identifier'], openai, null, 'whose request it is, for those who look for misuse'),
  rule(['prompt_cache_key', 'prompt_cache_retention'], openai, null, 'where the prompt is remembered'),
  rule(['service_tier'], null, null, 'how soon, at what price'),
  rule(['priority', 'request_id'], openai, null, 'how soon, under which name (vLLM, SGLang)'),
  // What all servers do where nothing is said.
  rule(['n'], sampled, ['1', 'null'], 'one answer'),
  rule(['best_of'], ['completions'], ['1', 'null'], 'the best of one'),
  rule(['presence_penalty', 'frequency_penalty'], sampled, ['0', 'null'], 'no penalty'),
  rule(['logit_bias'], sampled, ['{}', 'null'], 'no bias'),
  rule(['stop'], sampled, ['[]', 'null'], 'no stop strings'),
  rule(['logprobs'], sampled, ['false', 'null'], 'no probabilities'),
  rule(['echo'], ['completions'], ['false', 'null'], 'no echo'),
  rule(['suffix'], ['completions'], ['null'], 'no suffix'),
  rule(['response_format'], ['chat'], ['{"type":"text"}', 'null'], 'plain text'),
  rule(['tools'], null, ['[]', 'null'], 'no tools'),
  rule(['functions'], ['chat'], ['[]', 'null'], 'no tools'),
  rule(['background'], ['responses'], ['false', 'null'], 'answered at once'),
  rule(['truncation'], ['responses'], ['"disabled"', 'null'], 'nothing is left out'),
  rule(['include'], ['responses'], ['[]', 'null'], 'nothing more'),
  rule(['previous_response_id', 'conversation', 'prompt'], ['responses'], ['null'], 'nothing came before'),
  rule(['stop_sequences'], ['messages'], ['[]', 'null'], 'no stop strings'),
  rule(['thinking'], ['messages'], ['{"type":"disabled"}'], 'no thinking'),
  rule(['encoding_format'], ['embeddings'], ['"float"', 'null'], 'numbers'),
  rule(
    ['temperature', 'top_p', 'seed', 'max_tokens', 'max_completion_tokens'],
    openai,
    ['null'],
    'what the server does by itself',
  ),
]

function rule(
  names: readonly string[],
  routes: FieldRule['routes'],
  values: FieldRule['values'],
  why: string,
): FieldRule {
  return { names, routes, values, why }
}

/** Below these the order of fields is part of the meaning: models write what a schema asks for in its order. */
export const orderedFields: ReadonlySet<string> = new Set([
  ...['schema', 'json_schema', 'parameters', 'input_schema', 'guided_json', 'structured_outputs', 'properties'],
])
