/** The gate: what is worse is told, what is as good passes, and a little chance stops nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { type GatePair, judgeGate } from './gate.ts'
import { type GoldenAnswer, type GoldenPrompt, goldenPromptSchema } from './golden-prompt.ts'
import { runGate } from './run-gate.ts'
import { signTest } from './sign-test.ts'

const prompts = Array.from({ length: 20 }, (_, i) =>
  goldenPromptSchema.parse({
    name: `p${i}`,
    prompt: `What is ${i} plus one?`,
    checks: [{ is: 'contains', text: `${i + 1}` }],
  }),
)
const right = ({ name }: GoldenPrompt, more: Partial<GoldenAnswer> = {}): GoldenAnswer => ({
  ...{ text: `It is ${Number(name.slice(1)) + 1}.`, finish: 'stop', fault: null, tokens: 30, ttftMs: 100 },
  ...{ interTokenMs: 10, toolCall: null },
  ...more,
})
const pairs = (next: (prompt: GoldenPrompt, i: number) => GoldenAnswer): GatePair[] =>
  prompts.map((prompt, i) => ({ prompt, present: right(prompt), next: next(prompt, i) }))
const failed = (list: readonly GatePair[]): string[] =>
  judgeGate(list)
    .findings.filter(({ isPassed }) => !isPassed)
    .map(({ name }) => name)

test('as good as before passes, with one odd answer, too', () => {
  const report = judgeGate(
    pairs((prompt, i) => right(prompt, i === 3 ? { text: 'Hm.', ttftMs: 900 } : { ttftMs: 90 + i })),
  )
  assert.equal(report.isPassed, true)
})

test('each defect is named', () => {
  const some = (more: Partial<GoldenAnswer>) => pairs((prompt, i) => right(prompt, i % 2 === 0 ? more : {}))
  const every = (more: Partial<GoldenAnswer>) => pairs((prompt) => right(prompt, more))
  assert.deepEqual(failed(some({ fault: 'HF_UPSTREAM_ERROR' })), ['fails'])
  assert.deepEqual(failed(some({ text: 'I do not know.' })), ['wrong answers'])
  assert.deepEqual(failed(some({ finish: 'length' })), ['truncated'])
  assert.deepEqual(failed(some({ finish: 'refused' })), ['refused'])
  assert.deepEqual(
    failed(pairs((prompt, i) => right(prompt, { text: `${right(prompt).text}${i < 2 ? '<|im_end|>' : ''}` }))),
    ['marks of the template'],
  )
  assert.deepEqual(failed(every({ ttftMs: 200 })), ['first token'])
  assert.deepEqual(failed(every({ interTokenMs: 14 })), ['token time'])
  assert.deepEqual(failed(every({ tokens: 10 })), ['length of answers'])
  const looping = pairs((prompt) => right(prompt, { text: `${right(prompt).text} ${'and so on '.repeat(30)}` }))
  assert.deepEqual(failed(looping), ['repeats itself'])
})

test('the first release of all is checked by its answers alone', () => {
  const alone = (next: GoldenAnswer[]): GatePair[] =>
    prompts.map((prompt, i) => ({ prompt, present: null, next: next[i]! }))
  assert.equal(judgeGate(alone(prompts.map((each) => right(each)))).isPassed, true)
  assert.deepEqual(failed(alone(prompts.map((each, i) => right(each, i < 5 ? { text: 'No.' } : {})))), [
    'wrong answers',
  ])
})

test('too few answers prove nothing', () => {
  assert.equal(judgeGate(pairs((prompt) => right(prompt)).slice(0, 3)).isPassed, false)
})

test('equal releases pass 99 times of 100, though every twentieth answer is wrong', () => {
  const random = seededRandom(3)
  const noisy = (prompt: GoldenPrompt): GoldenAnswer =>
    right(prompt, {
      ...(random.unit() < 0.05 ? { text: 'Hm.' } : {}),
      ...{ ttftMs: 100 * Math.exp(random.unit()), interTokenMs: 10 * Math.exp(0.5 * random.unit()) },
    })
  const trials = Array.from({ length: 300 }, () =>
    judgeGate(prompts.map((prompt) => ({ prompt, present: noisy(prompt), next: noisy(prompt) }))),
  )
  assert.ok(trials.filter(({ isPassed }) => !isPassed).length <= 3)
})

test('each prompt is asked of both as often as said, no more than so many at once', async () => {
  let [asked, atOnce, most] = [0, 0, 0]
  const ask = async (prompt: GoldenPrompt): Promise<GoldenAnswer> => {
    asked++
    most = Math.max(most, ++atOnce)
    await Promise.resolve()
    atOnce--
    return right(prompt)
  }
  const signal = new AbortController().signal
  const report = await runGate({ ...{ prompts, times: 3, callsAtOnce: 4, signal }, askNext: ask, askPresent: ask })
  assert.equal(report.isPassed, true)
  assert.equal(asked, 120)
  assert.ok(most <= 8)
})

test('a gate that is called off does not pass', async () => {
  const off = AbortSignal.abort()
  const ask = (prompt: GoldenPrompt): Promise<GoldenAnswer> => Promise.resolve(right(prompt))
  const report = await runGate({
    ...{ prompts, times: 1, callsAtOnce: 1, signal: off },
    askNext: ask,
    askPresent: null,
  })
  assert.equal(report.isPassed, false)
})

test('the sign test is that of a fair coin', () => {
  assert.equal(signTest(0, 0), 1)
  assert.equal(signTest(5, 0), 1 / 32)
  assert.ok(Math.abs(signTest(9, 1) - 11 / 1024) < 1e-12)
})
