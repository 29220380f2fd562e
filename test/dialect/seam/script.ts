/** A model that says what a test wants, token by token, and goes on with any beginning of it. */
import type { Plan } from '../../../lab/prompt/plan.ts'

type Json = Record<string, unknown>

/** The text that a request gives as the beginning of the answer; empty for none. */
export function givenIn(fields: Json, question: string): string {
  if (typeof fields['prompt'] === 'string') return fields['prompt'].slice(question.length)
  const list = (fields['messages'] ?? fields['input']) as Json[] | string
  const last = Array.isArray(list) ? list.at(-1) : undefined
  if (last?.['role'] !== 'assistant') return ''
  const { content } = last
  return typeof content === 'string' ? content : (content as Json[]).map(({ text }) => text).join('')
}

/** Goes on after `given` with the tokens of `whole`; begins anew with what is no beginning of it. */
export function script(
  whole: readonly string[],
  question: string,
  stop: readonly string[] = [],
): (fields: Json) => Plan {
  return (fields) => {
    const given = givenIn(fields, question)
    const text = whole.join('')
    let skip = text.startsWith(given) ? given.length : 0
    const tokens: string[] = []
    for (const token of whole) {
      if (token.length > skip) tokens.push(token.slice(skip))
      skip = Math.max(0, skip - token.length)
    }
    return cutAtStop(tokens, stop, Number(fields['max_tokens'] ?? fields['max_output_tokens'] ?? Infinity), given)
  }
}

function cutAtStop(tokens: readonly string[], stop: readonly string[], tokensMax: number, said: string): Plan {
  const text = tokens.join('')
  const places = stop.map((string) => ({ string, at: text.indexOf(string) })).filter(({ at }) => at >= 0)
  const [first] = places.sort((a, b) => a.at - b.at)
  let room = first ? first.at : Infinity
  const kept: string[] = []
  for (const token of tokens) {
    if (room <= 0) break
    kept.push(token.slice(0, room))
    room -= token.length
  }
  const count = Math.min(kept.length, tokensMax)
  const isCut = count < kept.length
  return {
    prompt: { ids: [1, 2, 3], question: '', answered: 0, pieces: 0, said },
    count,
    segments: [{ kind: 'text', name: '', from: 0, to: count }],
    idAt: (at) => 1000 + at,
    textAt: (at) => kept[at] ?? '',
    finish: isCut ? 'length' : 'stop',
    stopString: isCut ? null : (first?.string ?? null),
  }
}
