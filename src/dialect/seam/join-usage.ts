/** Token counts of an answer of several legs: its prompt is counted once, and every token of the answer once. */
import type { Usage } from '../call.ts'
import { chatUsage, messagesUsage, responsesUsage } from '../answer/usage.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { Rung } from './rung.ts'

/** @param leg what the last leg counted; null when it did not. */
export function joinUsage(partial: PartialAnswer, { name }: Rung, leg: Usage | null): Usage | null {
  if (!leg) return null
  // The call was put whole, and its answer is the answer.
  if (name === 'ask-again' || name === 'regenerate') return leg
  const told = partial.promptTokens ?? toldInput(partial)
  // What was said stood in the prompt of this leg.
  const input = told ?? Math.max(0, (leg.inputTokens ?? 0) - partial.tokenCount)
  const { inputTokens: _, outputTokens = 0, ...rest } = leg
  return {
    ...rest,
    ...((told !== null || leg.inputTokens !== undefined) && { inputTokens: input }),
    outputTokens: partial.tokenCount + outputTokens,
  }
}

/** Some languages tell the prompt's tokens at the beginning; zero there means that they will come later. */
function toldInput({ route, usage }: PartialAnswer): number | null {
  const read = route === 'messages' ? messagesUsage : route === 'responses' ? responsesUsage : chatUsage
  return read(usage)?.inputTokens || null
}
