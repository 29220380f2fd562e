/** What a scenario of the failover table is, and what playing it takes and gives. */
import { type Demand, type Judgement, judgeAnswer } from './judge.ts'
import type { Hearing } from './hearing.ts'
import type { Behaviour, BackEndOptions } from './provider.ts'
import type { Pair, PairOptions, Settings, Setup, Stage } from './stage.ts'

export interface Bench {
  /** Long waits are divided by this, and with them the limits that they are measured by. 1 in the full run. */
  readonly factor: number
  open(setup: Setup): Promise<Stage>
}

/** One form in which a scenario was played: streamed, not streamed, … */
export interface Trial {
  readonly form: string
  readonly judgement: Judgement
  readonly durationMs: number
  /** Calls that the provider saw. */
  readonly primaryCount: number
  readonly fallbackCount: number
}

export interface Scenario {
  /** S01 to S16 as in the public benchmark, S17 and on our own. */
  readonly name: string
  readonly title: string
  /** What a pass needs beside the whole answer. */
  readonly needs: string
  /** Its waits are divided by the bench's factor. */
  readonly isScaled: boolean
  /** It moves so much that others beside it would be slowed: played after them, alone. */
  readonly isAlone?: boolean
  play(bench: Bench): Promise<readonly Trial[]>
}

export type ScenarioHead = Omit<Scenario, 'play' | 'isScaled'> & { readonly isScaled?: boolean }

export function trialOf(form: string, hearing: Hearing, pair: Pair, judgement: Judgement): Trial {
  const { durationMs } = hearing
  return {
    form,
    judgement,
    durationMs,
    primaryCount: pair.primary.calls.length,
    fallbackCount: pair.fallback.calls.length,
  }
}

/** One call of one caller against one pair. */
export interface Form {
  readonly isStream: boolean
  readonly primary: Behaviour
  readonly fallback?: BackEndOptions
  readonly fallbackKind?: PairOptions['fallbackKind']
  readonly headers?: Readonly<Record<string, string>>
  /** In full length, milliseconds. */
  readonly patienceMs?: number
  readonly judge: (hearing: Hearing, played: Played) => Judgement | Promise<Judgement>
}

export interface Played {
  readonly pair: Pair
  readonly stage: Stage
  readonly name: string
  /** A wait or limit of the scenario, divided where the run is short. */
  readonly scaled: (ms: number) => number
}

export const answersWell: BackEndOptions = { behaviour: () => ({ kind: 'answer' }) }

/** The judge of most: the whole answer, and some demands. */
export function wholeWith(
  demands: (hearing: Hearing, played: Played) => readonly Demand[],
): (hearing: Hearing, played: Played) => Judgement {
  return (hearing, played) => judgeAnswer(hearing, demands(hearing, played))
}

/**
 * A scenario of single calls, all forms at the same time before one gateway, each with back ends of its own.
 * `forms` is told how to divide waits.
 */
export function ofSingleCalls(
  head: ScenarioHead,
  forms: (scaled: (ms: number) => number) => Readonly<Record<string, Form>>,
): Scenario {
  const isScaled = head.isScaled ?? false
  return {
    ...head,
    isScaled,
    play: async (bench) => {
      const scaled = (ms: number): number => (isScaled ? Math.round(ms / bench.factor) : ms)
      const all = Object.entries(forms(scaled))
      const pairs = Object.fromEntries(
        all.map(([name, { primary, fallback = answersWell, fallbackKind: kind }]) => [
          pairName(name),
          { primary: { behaviour: primary }, fallback, ...(kind && { fallbackKind: kind }) },
        ]),
      )
      await using stage = await bench.open({ pairs, ...(isScaled && { settings: scaledSettings(scaled) }) })
      return await Promise.all(
        all.map(async ([name, form]) => {
          const pair = stage.pair(pairName(name))
          const { isStream, headers = {}, patienceMs = 20_000 } = form
          const limitMs = Math.max(10_000, scaled(patienceMs))
          const hearing = await stage.ask(pairName(name), { isStream, headers, patienceMs: limitMs })
          const judgement = await form.judge(hearing, { pair, stage, name: pairName(name), scaled })
          return trialOf(name, hearing, pair, judgement)
        }),
      )
    },
  }
}

/** Words of a form, as the name of a pool. */
function pairName(form: string): string {
  return form.replaceAll(/[^a-z0-9]+/g, '-')
}

/** The gateway's own limits, divided like the waits. */
export function scaledSettings(scaled: (ms: number) => number): Settings {
  return {
    timeouts: {
      firstTokenMs: scaled(60_000),
      firstTokenSwitchMs: scaled(10_000),
      wholeMs: scaled(30_000),
      interTokenMs: scaled(30_000),
    },
  }
}
