/** The routes that generate: chat, completions, responses, messages. */
import { promptHash } from '../answer.ts'
import { faultKinds } from '../fault-plan.ts'
import type { RouteName } from '../profile.ts'
import type { Plan } from '../prompt/plan.ts'
import { decode } from '../vocabulary.ts'
import { ChatVoice } from '../voice/chat-voice.ts'
import { CompletionsVoice } from '../voice/completions-voice.ts'
import { MessagesVoice } from '../voice/messages-voice.ts'
import { ResponsesVoice } from '../voice/responses-voice.ts'
import type { Voice, VoiceContext } from '../voice/voice.ts'
import type { Exchange } from './exchange.ts'
import { textField, type Fields } from './field.ts'
import { Generation } from './generation.ts'
import { strikeHead } from './head-fault.ts'
import { readAsk } from './read-ask.ts'
import { Refusal } from './refusal.ts'

const voices: Partial<Record<RouteName, new (context: VoiceContext) => Voice>> = {
  chat: ChatVoice,
  completions: CompletionsVoice,
  messages: MessagesVoice,
  responses: ResponsesVoice,
}

const leakedBytesMax = 2 ** 30

/** @throws {Refusal} when the profile wants a model by name, and this is not it. */
export function checkModel(exchange: Exchange, fields: Fields): void {
  const { profile, settings } = exchange.sim
  const model = textField(fields, 'model')
  if (!profile.checksModel || model === settings.model) return
  if (model === undefined && profile.name === 'vllm') return
  if (model === undefined) throw new Refusal('bad_request', 'you must provide a model parameter', { param: 'model' })
  const message = profile.name === 'anthropic' ? `model: ${model}` : `The model \`${model}\` does not exist.`
  throw new Refusal('unknown_model', message, { param: 'model' })
}

/** The plan of a server that repeats a continued beginning: its first piece has the beginning before it. */
function withEcho(plan: Plan): Plan {
  const { said } = plan.prompt
  if (said === '' || plan.count === 0 || plan.segments[0]?.kind !== 'text') return plan
  return { ...plan, textAt: (at) => (at === 0 ? said : '') + plan.textAt(at) }
}

function leak(exchange: Exchange, bytes: number): void {
  const { leaked } = exchange.sim
  const total = leaked.reduce((sum, buffer) => sum + buffer.length, 0)
  if (total + bytes <= leakedBytesMax) leaked.push(Buffer.alloc(bytes, 1))
}

/** Answers a generating route. @throws {Refusal} */
export function generate(exchange: Exchange, route: RouteName): void {
  const { sim } = exchange
  const fields = exchange.fields()
  checkModel(exchange, fields)
  const ask = readAsk(route, fields, {
    profile: sim.profile,
    contextTokensMax: sim.settings.contextTokensMax,
    range: sim.settings.answerRange,
    // Another answer at every asking, the same for the same run of a test.
    salt: sim.settings.answersAtRandom ? promptHash(exchange.id) || 1 : 0,
  })
  const prompt = ask.plans[0]?.prompt
  if (prompt) sim.calls.name(exchange.entry, promptHash(prompt.question))
  const faults = exchange.strike(() => `${exchange.body.toString('utf8')}\n${prompt ? decode(prompt.ids) : ''}`)
  if (faults.some((order) => order.kind === 'crash-on-poison')) return sim.crash()
  const head = faults.find((order) => faultKinds[order.kind].when === 'head')
  if (head) return strikeHead(exchange, head)
  for (const order of faults) if (order.kind === 'leak') leak(exchange, order.bytes ?? 2 ** 20)
  const plans = sim.settings.echoesPrefix ? ask.plans.map(withEcho) : ask.plans
  const VoiceOfRoute = voices[route] ?? ChatVoice
  const voice = new VoiceOfRoute({
    id: exchange.id,
    model: textField(fields, 'model') ?? sim.settings.model,
    createdS: Math.floor(sim.clock.nowMs() / 1000),
    profile: sim.profile,
    plans,
    wantsUsage: ask.wantsUsage,
    wantsTokenIds: ask.wantsTokenIds,
  })
  new Generation(exchange, plans, voice, { isStream: ask.isStream, faults }).start(faults)
}
