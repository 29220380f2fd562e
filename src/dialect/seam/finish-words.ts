/** How each language says why an answer ended, where it is us who end it. */
import type { Route } from '../call.ts'

const chat = { stop: 'stop', limit: 'length' } as const
const words: Readonly<Partial<Record<Route, { readonly stop: string; readonly limit: string }>>> = {
  messages: { stop: 'stop_sequence', limit: 'max_tokens' },
  responses: { stop: 'completed', limit: 'max_output_tokens' },
}

/** `stop`: one of the caller's stop strings came; `limit`: the tokens are used up. */
export function finishWords(route: Route): { readonly stop: string; readonly limit: string } {
  return words[route] ?? chat
}
