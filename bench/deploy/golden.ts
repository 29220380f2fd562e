/** The golden prompts of a simulated deploy, and what releases of a given behaviour answer. */
import { runGate } from '../../src/control/deploy/run-gate.ts'
import type { GateReport } from '../../src/control/deploy/gate.ts'
import type { GoldenAnswer, GoldenPrompt } from '../../src/control/deploy/golden-prompt.ts'
import { type Behaviour, sameBehaviour } from './behaviour.ts'
import { Chance } from './chance.ts'

const prompts: readonly GoldenPrompt[] = Array.from({ length: 24 }, (_, i) => ({
  name: `golden ${i}`,
  prompt: `Question ${i}: name the ${i}-th letter, then tell a story about it in some sentences.`,
  tokensMax: 512,
  checks:
    i % 6 === 5
      ? [{ is: 'tool', name: 'look_up', schema: { type: 'object', required: ['letter'] } }]
      : [{ is: 'contains', text: `letter ${i}`, ignoreCase: true }],
}))
/** A right answer is not given every time. */
const rightShare = 0.95

/** By the gate that the gateway uses: three times each prompt, of both. */
export function gateOf(behaviour: Behaviour, seed: number): Promise<GateReport> {
  const chance = new Chance(seed + 77)
  const [tokenMs, ttftMs] = [chance.scale(8, 30), chance.scale(40, 300)]
  const ask = (of: Behaviour) => (prompt: GoldenPrompt) =>
    Promise.resolve(answer(prompt, of, chance, { tokenMs, ttftMs }))
  const signal = new AbortController().signal
  return runGate({
    ...{ prompts, times: 3, callsAtOnce: 4, signal },
    askNext: ask(behaviour),
    askPresent: ask(sameBehaviour),
  })
}

function answer(
  { name, prompt, checks, tokensMax }: GoldenPrompt,
  of: Behaviour,
  chance: Chance,
  usual: { tokenMs: number; ttftMs: number },
): GoldenAnswer {
  const is = (share: number): boolean => chance.unit() < share
  const slow = (is(of.slowShare) ? 4 : 1) * (is(0.01) ? 4 : 1)
  const times = {
    ttftMs: chance.spread(usual.ttftMs, 0.3) * of.ttftFactor * slow,
    interTokenMs: chance.spread(usual.tokenMs, 0.15) * of.tokenTimeFactor * slow,
  }
  const base = { ...times, fault: null, toolCall: null, finish: 'stop' } as const
  if (is(of.failedShare + 0.003)) return { ...base, fault: 'HF_UPSTREAM_ERROR', text: '', tokens: 0 }
  if (is(of.emptyShare)) return { ...base, text: '', tokens: 0 }
  if (is(of.refusedShare)) return { ...base, finish: 'refused', text: 'I cannot help with that.', tokens: 8 }
  if (checks[0]?.is === 'tool' && !is(of.toolMissingShare)) {
    const args = is(of.toolBrokenShare) ? '{"letter": ' : '{"letter": "a"}'
    return { ...base, finish: 'tool', text: '', tokens: 20, toolCall: { name: 'look_up', arguments: args } }
  }
  const right = is(rightShare) ? `The letter ${name.slice(7)} it is. ` : 'I do not know. '
  const words = Array.from({ length: Math.round(chance.spread(60, 0.4) * of.answerFactor) }, (_, i) => `word${i}`)
  const mark = is(of.markedShare) ? '<|im_end|>\n<|im_start|>user' : ''
  if (is(of.runOnShare)) return { ...base, finish: 'length', text: right + mark + prompt.repeat(20), tokens: tokensMax }
  const whole = right + words.join(' ') + mark
  if (is(of.truncatedShare)) return { ...base, finish: 'length', text: whole.slice(0, 80), tokens: words.length / 2 }
  const kept = is(of.shortShare) ? words.length * chance.between(0.1, 0.6) : words.length
  return { ...base, text: whole, tokens: Math.round(kept) }
}
