/**
 * The routes beside the generating ones: models, embeddings, tokens, health, and what each imitated server has of its
 * own.
 */
import { promptHash } from '../answer.ts'
import { faultKinds } from '../fault-plan.ts'
import type { ProfileName, RouteName } from '../profile.ts'
import { decode, encode } from '../vocabulary.ts'
import { embeddingOf } from './embedding.ts'
import type { Exchange } from './exchange.ts'
import { countField, listField, type Fields } from './field.ts'
import { checkModel } from './generate-route.ts'
import { strikeHead } from './head-fault.ts'
import { toMetricsPage } from './metrics-page.ts'
import { countTokens, renderedIds } from './read-ask.ts'
import { Refusal } from './refusal.ts'

/** Most inputs and largest vectors of an embeddings call. */
const inputsMax = 2048
const embeddingSizeMax = 4096
/** Times in lists of models: fixed, so that two replicas say the same. */
const modelCreatedS = 1_767_225_600

/** An input of an embeddings call: text, or token ids. @throws {Refusal} */
function inputText(item: unknown): string {
  if (typeof item === 'string') return item
  if (Array.isArray(item) && item.length > 0 && item.every((id) => typeof id === 'number')) return decode(item)
  throw new Refusal('bad_request', 'Input should be texts or lists of token ids: input', { param: 'input' })
}

function embed(exchange: Exchange): void {
  const fields = exchange.fields()
  checkModel(exchange, fields)
  const { input } = fields
  const isIds = Array.isArray(input) && typeof input[0] === 'number'
  const items: readonly unknown[] = typeof input === 'string' || isIds ? [input] : (listField(fields, 'input') ?? [])
  if (items.length === 0 || items.length > inputsMax)
    throw new Refusal('bad_request', `input: from 1 to ${inputsMax} texts`, { param: 'input' })
  const size = countField(fields, 'dimensions') ?? exchange.sim.settings.embeddingSize
  if (size < 1 || size > embeddingSizeMax)
    throw new Refusal('bad_request', `dimensions: from 1 to ${embeddingSizeMax}`, { param: 'dimensions' })
  const texts = items.map(inputText)
  const tokens = texts.reduce((sum, text) => sum + encode(text).length, 0)
  const data = texts.map((text, index) => {
    const vector = embeddingOf(text, size)
    const embedding =
      fields.encoding_format === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector
    return { object: 'embedding', index, embedding }
  })
  exchange.sendJson(200, {
    object: 'list',
    model: exchange.sim.settings.model,
    data,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
}

/** How servers name themselves in `owned_by`; the others by their own name. */
const owners: Partial<Record<ProfileName, string>> = {
  ollama: 'library',
  openai: 'system',
  tgi: 'user',
  mistral: 'mistralai',
}

function listModels(exchange: Exchange): void {
  const { settings, profile } = exchange.sim
  const id = settings.model
  if (profile.name === 'anthropic') {
    const model = { type: 'model', id, display_name: id, created_at: new Date(modelCreatedS * 1000).toISOString() }
    return exchange.sendJson(200, { data: [model], has_more: false, first_id: id, last_id: id })
  }
  const owner = owners[profile.name] ?? profile.name
  const room =
    profile.name === 'vllm' || profile.name === 'sglang'
      ? { root: id, parent: null, max_model_len: settings.contextTokensMax }
      : {}
  exchange.sendJson(200, {
    object: 'list',
    data: [{ id, object: 'model', created: modelCreatedS, owned_by: owner, ...room }],
  })
}

function tokenize(exchange: Exchange): void {
  const ids = renderedIds(exchange.fields())
  const { profile, settings } = exchange.sim
  exchange.sendJson(
    200,
    profile.name === 'llamacpp'
      ? { tokens: ids }
      : { count: ids.length, max_model_len: settings.contextTokensMax, tokens: ids, token_strs: null },
  )
}

function detokenize(exchange: Exchange): void {
  const ids = (listField(exchange.fields(), 'tokens') ?? []).map(Number)
  exchange.sendJson(200, exchange.sim.profile.name === 'llamacpp' ? { content: decode(ids) } : { prompt: decode(ids) })
}

function listSlots(exchange: Exchange): void {
  const { engine, settings } = exchange.sim
  const slots = Array.from({ length: engine.options.slots }, (_, id) => {
    const generated = engine.sequences[id]?.generated ?? 0
    return {
      id,
      n_ctx: settings.contextTokensMax,
      is_processing: id < engine.runningCount,
      next_token: [{ has_next_token: id < engine.runningCount, n_decoded: generated }],
    }
  })
  exchange.sendJson(200, slots)
}

function ollamaModel(exchange: Exchange): object {
  const name = exchange.sim.settings.model
  const details = { format: 'gguf', family: 'lab', families: ['lab'], parameter_size: '0B', quantization_level: 'F16' }
  return {
    name,
    model: name,
    modified_at: new Date(modelCreatedS * 1000).toISOString(),
    size: 0,
    digest: promptHash(name).toString(16).padStart(64, '0'),
    details,
  }
}

const answers: Partial<Record<RouteName, (exchange: Exchange) => void>> = {
  embeddings: embed,
  models: listModels,
  tokenize,
  detokenize,
  count_tokens: (exchange) => {
    const fields: Fields = exchange.fields()
    checkModel(exchange, fields)
    exchange.sendJson(200, { input_tokens: countTokens(fields) })
  },
  health: (exchange) =>
    exchange.sim.profile.name === 'llamacpp'
      ? exchange.sendJson(200, { status: 'ok' })
      : exchange.send(200, 'text/plain', ''),
  metrics: (exchange) => exchange.send(200, 'text/plain; version=0.0.4; charset=utf-8', toMetricsPage(exchange.sim)),
  slots: listSlots,
  props: (exchange) => {
    const { engine, settings } = exchange.sim
    exchange.sendJson(200, {
      default_generation_settings: { n_ctx: settings.contextTokensMax },
      total_slots: engine.options.slots,
      model_alias: settings.model,
      model_path: `${settings.model}.gguf`,
      chat_template: '<|user|>…<|end|><|assistant|>',
      build_info: 'lab',
    })
  },
  version: (exchange) => exchange.sendJson(200, { version: '0.0.0-lab' }),
  ollama_version: (exchange) => exchange.sendJson(200, { version: '0.0.0-lab' }),
  tags: (exchange) => exchange.sendJson(200, { models: [ollamaModel(exchange)] }),
  ps: (exchange) =>
    exchange.sendJson(200, {
      models: [
        {
          ...ollamaModel(exchange),
          size_vram: 0,
          expires_at: '2318-01-01T00:00:00Z',
          context_length: exchange.sim.settings.contextTokensMax,
        },
      ],
    }),
}

/** Answers a route that generates nothing; faults strike it only when ordered for it by name. @throws {Refusal} */
export function answerSide(exchange: Exchange, route: RouteName): void {
  const head = exchange
    .strike(() => exchange.body.toString('utf8'))
    .find((order) => faultKinds[order.kind].when === 'head')
  if (head) return strikeHead(exchange, head)
  try {
    answers[route]?.(exchange)
  } catch (error) {
    throw error instanceof RangeError ? new Refusal('bad_request', error.message) : error
  }
}
