/** How large an order will be: from its bytes, and from the limit that the caller sets to the answer. */
import type { CallSize } from '../fleet/load.ts'
import type { Usage } from '../dialect/call.ts'
import type { Order } from './order.ts'
import type { Relay } from './relay-parts.ts'

/** @param saidTokens of a broken answer: they are read as a prompt now, and not written again. */
export function sizeOf({ sizes }: Pick<Relay, 'sizes'>, { call }: Order, saidTokens = 0): CallSize {
  const { promptTokens, outputTokens } = sizes.guess(call.model, call.body.bytes.length, call.outputTokensMax)
  return { promptTokens: promptTokens + saidTokens, outputTokens: Math.max(1, outputTokens - saidTokens) }
}

/** Learns from the counts of a whole answer. */
export function learnSize({ sizes }: Pick<Relay, 'sizes'>, { call }: Order, usage: Usage): void {
  sizes.observe(call.model, call.body.bytes.length, call.outputTokensMax, usage)
}
