/** S01 to S16: a provider that misbehaves, the scenarios of the public benchmark for failover. */
import { setTimeout as sleep } from 'node:timers/promises'
import { demand, type Judgement, judgeAnswer, judgeRefusal, usagePresent, within, worst } from './judge.ts'
import type { Act, AnswerAct, Behaviour, SeenCall } from './provider.ts'
import { answersWell, type Form, ofSingleCalls, type Played, type Scenario, trialOf, wholeWith } from './scenario.ts'
import type { Hearing } from './hearing.ts'
import type { Stage } from './stage.ts'

const always =
  (act: Act): Behaviour =>
  () =>
    act
const once =
  (act: Act): Behaviour =>
  (_, number) =>
    number === 1 ? act : { kind: 'answer' }
const says = (act: AnswerAct): Act => ({ kind: 'answer', ...act })
const tooManyError = {
  message: 'Rate limit reached for requests.',
  type: 'rate_limit_error',
  code: 'rate_limit_exceeded',
}
const serverError = { message: 'The server had an error.', type: 'server_error', code: 'internal_error' }
const busyError = { message: 'The engine is overloaded.', type: 'server_error', code: 'overloaded' }
const contextError = {
  message: 'This model’s maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.',
  type: 'invalid_request_error',
  param: 'messages',
  code: 'context_length_exceeded',
}
const filterError = {
  message: 'The response was filtered due to the prompt triggering the content management policy.',
  type: 'invalid_request_error',
  param: 'prompt',
  code: 'content_filter',
}

/** The same primary, asked for a stream and for a whole answer. */
function bothForms(form: Omit<Form, 'isStream'>): () => Readonly<Record<string, Form>> {
  return () => ({ stream: { ...form, isStream: true }, whole: { ...form, isStream: false } })
}

const countIn = (calls: readonly SeenCall[], ms: number): number =>
  calls.filter(({ atMs }) => atMs - (calls[0]?.atMs ?? 0) <= ms).length

const asked = ({ pair }: Played): string => `${pair.primary.calls.length} + ${pair.fallback.calls.length} attempts`

function attemptsDemand(played: Played, countMax: number): ReturnType<typeof demand> {
  return demand(played.pair.primary.calls.length <= countMax, `${asked(played)}, at most ${countMax} on the primary`)
}

function onlyOnce(played: Played): ReturnType<typeof demand> {
  return demand(played.pair.primary.calls.length === 1, `${asked(played)}, exactly one on the primary`)
}

const refusals: readonly Scenario[] = [
  ofSingleCalls(
    {
      name: 'S01',
      title: '429 with Retry-After 2 s, then well',
      needs: 'primary not asked again before 1.8 s; at most 2 attempts in 1.5 s',
    },
    bothForms({
      primary: once({ kind: 'refuse', status: 429, error: tooManyError, headers: { 'retry-after': '2' } }),
      judge: wholeWith((_, played) => {
        const { primary, fallback } = played.pair
        const gapMs = (primary.calls[1]?.atMs ?? Number.POSITIVE_INFINITY) - (primary.calls[0]?.atMs ?? 0)
        const all = [...primary.calls, ...fallback.calls].toSorted((a, b) => a.atMs - b.atMs)
        return [
          demand(gapMs >= 1800, `the primary is asked again after ${Math.round(gapMs)} ms, not before 1800`),
          demand(countIn(all, 1500) <= 2, `${countIn(all, 1500)} attempts in 1.5 s, at most 2`),
        ]
      }),
    }),
  ),
  ofSingleCalls(
    { name: 'S02', title: '429 for ever, no header', needs: 'at most 4 attempts on the primary in 3 s, 6 in all' },
    bothForms({
      primary: always({ kind: 'refuse', status: 429, error: tooManyError }),
      judge: wholeWith((_, played) => {
        const early = countIn(played.pair.primary.calls, 3000)
        return [demand(early <= 4, `${early} attempts in 3 s, at most 4`), attemptsDemand(played, 6)]
      }),
    }),
  ),
  ofSingleCalls(
    { name: 'S03', title: '500 once', needs: 'the primary is asked a second time' },
    bothForms({
      primary: once({ kind: 'refuse', status: 500, error: serverError }),
      judge: wholeWith((_, played) => [
        demand(played.pair.primary.calls.length >= 2, `${asked(played)}, at least 2 on the primary`),
      ]),
    }),
  ),
  ofSingleCalls(
    { name: 'S04', title: '503 for ever', needs: 'at most 6 attempts on the primary' },
    bothForms({
      primary: always({ kind: 'refuse', status: 503, error: busyError }),
      judge: wholeWith((_, played) => [attemptsDemand(played, 6)]),
    }),
  ),
  ofSingleCalls(
    { name: 'S05', title: 'TCP reset before the headers', needs: 'the answer' },
    bothForms({ primary: always({ kind: 'reset' }), judge: wholeWith(() => []) }),
  ),
]

/** Where waits are shortened, the machine's own time is not. */
const machineMs = 3000

/** After a stall the next call is not to wait for the one that stalled. */
const nextMsMax = 6000

const waits: readonly Scenario[] = [
  ofSingleCalls(
    { name: 'S06', title: 'Silence for 120 s', needs: 'within 100 s, one attempt on the primary', isScaled: true },
    (scaled) =>
      bothForms({
        primary: always({ kind: 'silence', ms: scaled(120_000) }),
        patienceMs: 130_000,
        judge: wholeWith((hearing, played) => [within(hearing, scaled(100_000)), onlyOnce(played)]),
      })(),
  ),
  ofSingleCalls(
    { name: 'S07', title: 'First token after 20 s', needs: 'done within 15 s', isScaled: true },
    (scaled) => {
      const form: Omit<Form, 'primary'> = {
        isStream: true,
        patienceMs: 60_000,
        judge: wholeWith((hearing) => [within(hearing, scaled(15_000) + (scaled(1) < 1 ? machineMs : 0))]),
      }
      const firstWordMs = scaled(20_000)
      return {
        stream: { ...form, primary: always(says({ firstWordMs })) },
        'stream, pings meanwhile': { ...form, primary: always(says({ firstWordMs, pingMs: 500 })) },
      }
    },
  ),
  ofSingleCalls(
    {
      name: 'S09',
      title: 'Stall of 30 s after 20 words, then cut',
      needs: 'within 45 s; the next call is well',
      isScaled: true,
    },
    (scaled) => {
      const stall = { afterWords: 20, ms: scaled(30_000) }
      const judge = async (hearing: Hearing, played: Played): Promise<Judgement> => {
        const next = await played.stage.ask(played.name, { isStream: true })
        const after = judgeAnswer(next, [within(next, nextMsMax)])
        return worst([
          judgeAnswer(hearing, [within(hearing, scaled(45_000))]),
          { ...after, why: after.why && `the next call: ${after.why}` },
        ])
      }
      const form = { patienceMs: 90_000, judge }
      return {
        stream: { ...form, isStream: true, primary: once(says({ stall })) },
        'stream, pings meanwhile': { ...form, isStream: true, primary: once(says({ stall, pingMs: 500 })) },
        whole: { ...form, isStream: false, primary: once(says({ stall })) },
      }
    },
  ),
]

const breaks: readonly Scenario[] = [
  ofSingleCalls({ name: 'S08', title: 'Cut after 40 of 60 words', needs: 'the whole answer' }, () => {
    const judge = wholeWith(() => [])
    const closed = always(says({ cut: { afterWords: 40, how: 'close' } }))
    const reset = always(says({ cut: { afterWords: 40, how: 'reset' } }))
    return {
      stream: { isStream: true, primary: closed, judge },
      'stream, reset': { isStream: true, primary: reset, judge },
      'stream, the fallback takes prefill': {
        ...{ isStream: true, primary: closed, fallbackKind: 'vllm' },
        judge: wholeWith((_, { pair: { fallback } }) => {
          const { prefill = null, wordCount = 0 } = fallback.calls[0] ?? {}
          return [demand(prefill !== null && wordCount === 20, `${wordCount} words asked for again, not just the rest`)]
        }),
      },
      whole: { isStream: false, primary: closed, judge },
    }
  }),
  ofSingleCalls(
    { name: 'S10', title: 'One malformed SSE event', needs: 'the whole answer, without the malformed event' },
    bothForms({ primary: once(says({ malformedAfterWords: 15 })), judge: wholeWith(() => []) }),
  ),
  ofSingleCalls({ name: 'S11', title: 'No [DONE]', needs: 'within 8 s, usage present' }, () => {
    const judge = wholeWith((hearing) => [within(hearing, 8000), usagePresent(hearing)])
    return {
      stream: { isStream: true, primary: always(says({ end: 'no-mark' })), judge },
      'stream, held open': { isStream: true, primary: always(says({ end: 'held-open' })), judge },
    }
  }),
  ofSingleCalls(
    { name: 'S12', title: '400 context_length_exceeded', needs: 'one attempt on the primary, then the fallback' },
    bothForms({
      primary: always({ kind: 'refuse', status: 400, error: contextError }),
      judge: wholeWith((_, played) => [onlyOnce(played)]),
    }),
  ),
  ofSingleCalls(
    { name: 'S13', title: '400 content filter', needs: 'a clean error after one attempt, never routed round' },
    bothForms({
      primary: always({ kind: 'refuse', status: 400, error: filterError }),
      judge: (hearing, played) =>
        judgeRefusal(hearing, [
          onlyOnce(played),
          demand(played.pair.fallback.calls.length === 0, `${asked(played)}, none on the fallback`),
        ]),
    }),
  ),
  ofSingleCalls(
    {
      name: 'S14',
      title: 'Cut, and the fallback refuses prefill',
      needs: 'the whole answer; its 400 is never the end',
    },
    () => {
      const form = {
        isStream: true,
        primary: always(says({ cut: { afterWords: 40, how: 'close' } })),
        fallback: { ...answersWell, refusesPrefill: true },
      }
      return {
        stream: { ...form, judge: wholeWith(() => []) },
        'stream, the fallback is thought to take it': {
          ...{ ...form, fallbackKind: 'vllm' },
          judge: wholeWith((_, { pair: { fallback } }) => [
            demand(fallback.calls[0]?.status === 400, 'the prefill was not tried, so nothing was shown'),
          ]),
        },
      }
    },
  ),
]

const downCount = 10
const upCount = 10

const recovery: Scenario = {
  name: 'S15',
  title: 'Down for 60 s, then well; 20 calls',
  needs: 'all are answered; back on the primary within 30 s',
  isScaled: true,
  play: async (bench) => {
    let isDown = false
    const busy: Act = { kind: 'refuse', status: 503, error: busyError }
    const well = answersWell.behaviour
    await using stage = await bench.open({
      pairs: {
        unreachable: { primary: { behaviour: well, isDown: () => isDown }, fallback: answersWell },
        busy: { primary: { behaviour: (...call) => (isDown ? busy : well(...call)) }, fallback: answersWell },
      },
    })
    const names = ['unreachable', 'busy'] as const
    // Both have been up before they go down.
    await Promise.all(names.map((name) => stage.ask(name, { isStream: true })))
    isDown = true
    const downMs = 60_000 / bench.factor
    const heard = new Map<string, Hearing[]>(names.map((name) => [name, []]))
    const callAll = async (count: number, everyMs: number): Promise<void> => {
      for (let number = 0; number < count; number++) {
        const dueMs = performance.now() + everyMs
        for (const name of names) heard.get(name)?.push(await stage.ask(name, { isStream: number % 2 === 0 }))
        await sleep(Math.max(0, dueMs - performance.now()))
      }
    }
    await callAll(downCount, downMs / downCount)
    isDown = false
    const upAtMs = performance.now()
    await callAll(upCount, 3000 / bench.factor)
    return names.map((name) => recoveryTrial(stage, name, heard.get(name) ?? [], upAtMs))
  },
}

function recoveryTrial(
  stage: Stage,
  name: string,
  heard: readonly Hearing[],
  upAtMs: number,
): ReturnType<typeof trialOf> {
  const pair = stage.pair(name)
  const back = pair.primary.calls.find(({ atMs, status }) => atMs >= upAtMs && status === 200)
  const backMs = (back?.atMs ?? Number.POSITIVE_INFINITY) - upAtMs
  const isBack = demand(backMs <= 30_000, `back on the primary after ${Math.round(backMs / 1000)} s, at most 30 s`)
  const judgement = worst(heard.map((hearing) => judgeAnswer(hearing, [isBack])))
  const slowest = heard.toSorted((a, b) => b.durationMs - a.durationMs)[0] as Hearing
  return trialOf(name, slowest, pair, judgement)
}

const accounting = ofSingleCalls(
  {
    name: 'S16',
    title: 'Accounting of an answer from the fallback',
    needs: 'it names the fallback’s model; usage present; a seam is told to those who ask',
  },
  () => {
    const form = {
      primary: always({ kind: 'refuse', status: 503, error: busyError }),
      judge: wholeWith((hearing, { pair }) => [
        demand(hearing.model === pair.fallback.model, `names ${hearing.model}, not ${pair.fallback.model}`),
        usagePresent(hearing),
      ]),
    }
    return {
      stream: { ...form, isStream: true },
      whole: { ...form, isStream: false },
      'stream, continued': {
        isStream: true,
        primary: always(says({ cut: { afterWords: 40, how: 'close' } })),
        headers: { 'holdfast-seams': 'mark' },
        judge: wholeWith((hearing) => [usagePresent(hearing), ...seamTold(hearing)]),
      },
    }
  },
)

function seamTold({ seam, usage }: Hearing): ReturnType<typeof demand>[] {
  const { continued, upstreams = [] } = seam ?? {}
  const words = usage?.completion_tokens ?? 0
  return [
    demand(continued === 1, `the seam is not told: ${JSON.stringify(seam)}`),
    demand(
      upstreams.some((name) => name.endsWith('.fallback')),
      `who went on is not told: ${JSON.stringify(seam)}`,
    ),
    // The primary said 40 and the fallback 20, or all 60 once more.
    demand(words >= 60 && words <= 100, `usage counts ${words} words, which nobody said`),
  ]
}

export const providerScenarios: readonly Scenario[] = [...refusals, ...waits, ...breaks, recovery, accounting].toSorted(
  (a, b) => a.name.localeCompare(b.name),
)
