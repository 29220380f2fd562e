/**
 * Deploys with real processes: a gateway with live streams at all times, each answer checked byte for byte; good and
 * bad releases are deployed, each on a gateway of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RolloutView } from '../../src/control/deploy/rollout-book.ts'
import type { HistoryEntry } from '../../src/control/deploy/rollout-state.ts'
import { expectedAnswer } from '../../lab/answer.ts'
import { say } from '../command.ts'
import { Crowd } from '../../test/control/crowd.ts'
import { openStage, simCommand, type Stage } from '../../test/control/stage.ts'
import type { Outcome } from '../../test/crash/chat.ts'

const replicaCount = 4
const tokens = 45
/** Tokens a second of one answer: slow, so that many live streams fit a small machine. */
const rate = 3
const pollMs = 500
const patienceMs = 600_000

interface Kind {
  readonly flags: readonly string[]
  readonly spec?: object
  /** Golden prompts are asked before its first call; the others show what the judge finds by itself. */
  readonly isAsked: boolean
}

const fault = (order: object): string[] => ['--fault', JSON.stringify(order)]

export const realKinds: Readonly<Record<string, Kind>> = {
  good: { flags: ['--context', '65536'], isAsked: true },
  slower: { flags: ['--rate', String(rate / 2)], isAsked: false },
  truncating: { flags: ['--context', '40'], isAsked: false },
  'wrong-template': { flags: ['--answer', 'random'], isAsked: true },
  crashing: {
    flags: fault({ kind: 'crash-on-poison', probability: 0.05, match: { promptContains: 'tokens:' } }),
    isAsked: false,
  },
  leaking: {
    flags: fault({ kind: 'leak', bytes: 8 * 2 ** 20 }),
    spec: { memoryBytesMax: 400 * 2 ** 20 },
    isAsked: false,
  },
}

const steps = [
  { share: 0.01, msMin: 20_000, msMax: 120_000, shown: false },
  // Answers of half the rate take half a minute: so long nothing of them is known.
  { share: 0.05, msMin: 90_000, msMax: 300_000, shown: false },
  { share: 0.1, msMin: 30_000, msMax: 120_000, shown: false },
  { share: 0.25, msMin: 20_000, msMax: 120_000, shown: false },
  { share: 0.5, msMin: 20_000, msMax: 120_000, shown: false },
  { share: 1 },
]
const lookMs = 2000

const golden = Array.from({ length: 8 }, (_, i) => `golden ${i} tokens:8`).map((prompt, i) => ({
  ...{ name: `golden ${i}`, prompt },
  checks: [{ is: 'exact', text: expectedAnswer(prompt) }],
}))

interface Shown {
  readonly view: RolloutView
  readonly seconds: number
  readonly outcomes: readonly Outcome[]
  /** What the gateway wrote down of each call that ended since the deploy began. */
  readonly calls: readonly Account[]
}

interface Account {
  readonly attempts: readonly { readonly upstream: string }[]
  readonly seams?: readonly string[]
}

const tell = (words: string): void => void process.stdout.write(`${words}\n`)

/** One line of what is printed. */
export interface RealRow {
  readonly kind: string
  /** Golden prompts were asked. */
  readonly isAsked: boolean
  readonly end: string
  readonly reason: string | null
  /** Of new calls, at most, 0 to 1. */
  readonly topShare: number
  /** Answers that it was judged by. */
  readonly judged: number
  /** Calls that it was sent, and of all calls of that time. */
  readonly seen: number
  readonly seenShare: number
  /** Answers that another replica went on with. */
  readonly moved: number
  /** Whole for all that the gateway could know, with a text that was not the expected one. */
  readonly harmed: number
  readonly cut: number
  readonly answers: number
  readonly seconds: number
}

export async function showReal(kinds: readonly string[], streams: number): Promise<RealRow[]> {
  tell(`${replicaCount} replicas, ${streams} live streams of ${tokens} tokens, ${rate} tokens a second each.`)
  tell(`Steps are shortened: ${steps.map(({ share, msMin = 0 }) => `${share * 100} % ${msMin / 1000} s`).join(', ')};`)
  tell(`they go further where nothing was found, and what is measured is judged every ${lookMs / 1000} s.`)
  const rows: RealRow[] = []
  for (const name of kinds) {
    say(name)
    const shown = await deployOne(realKinds[name] as Kind, streams)
    rows.push(rowOf(name, shown))
    tell(`${name}: ${shown.view.phase}, ${shown.view.reason ?? ''}`)
    for (const each of cutOf(shown.outcomes).slice(0, 5)) tell(`  ${JSON.stringify(each)}`)
  }
  print(rows)
  return rows
}

function print(rows: readonly RealRow[]): void {
  const numbers = ['highest share', 'judged by', 'its calls', 'of all', 'moved', 'harmed', 'cut', 'all', 'seconds']
  const head = ['release', 'golden prompts', 'end', ...numbers]
  tell(`| ${head.join(' | ')} |`)
  tell(`| --- | --- | --- |${' ---: |'.repeat(numbers.length)}`)
  for (const { kind, isAsked, end, topShare, judged, seen, seenShare, moved, harmed, cut, answers, seconds } of rows) {
    const words = [kind, isAsked ? 'asked' : 'none', end, `${Math.round(topShare * 100)} %`, judged]
    const share = `${(seenShare * 100).toFixed(1)} %`
    tell(`| ${[...words, seen, share, moved, harmed, cut, answers, seconds].join(' | ')} |`)
  }
}

async function deployOne({ flags, spec = {}, isAsked }: Kind, streams: number): Promise<Shown> {
  const base = ['--rate', String(rate), '--slots', '1000', '--waiting-max', '4000']
  const gate = { prompts: isAsked ? golden : [], times: 3, callsAtOnce: 8 }
  await using stage = await openStage({
    releases: { v1: { command: simCommand(...base) }, v2: { ...spec, command: simCommand(...base, ...flags) } },
    replicas: { min: replicaCount, max: replicaCount },
    drain: { moveAfterMs: 2000 },
    rollout: { steps, lookMs, gate, warmMs: 5000, drainMsMax: 60_000 },
  })
  await stage.serving(...Array.from({ length: replicaCount }, (_, i) => `chat-v1-${i + 1}`))
  await using crowd = new Crowd(stage.gateway.url, { streams, tokens })
  // Answers of all lengths are under way.
  await sleep((1000 * tokens) / rate)
  const beganMs = performance.now()
  const writtenBefore = stage.gateway.lines.length
  await ask(stage, { deployment: 'chat', release: 'v2', strategy: 'canary', by: 'bench' })
  let view = await ask(stage)
  let told = 0
  while (view.phase !== 'done' && view.phase !== 'rolled-back') {
    if (performance.now() - beganMs > patienceMs) break
    await sleep(pollMs)
    view = await ask(stage)
    for (; told < view.history.length; told++) sayStep(view.history[told], beganMs)
  }
  const seconds = (performance.now() - beganMs) / 1000
  const outcomes = await crowd.end()
  const calls = stage.gateway.lines.slice(writtenBefore).filter(({ msg }) => msg === 'call')
  return { view, seconds, outcomes, calls: calls as unknown as Account[] }
}

function sayStep(entry: HistoryEntry | undefined, beganMs: number): void {
  if (!entry) return
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0)
  say(`  ${seconds} s: ${entry.phase}, ${Math.round(entry.share * 100)} % of new calls, ${entry.words}`)
}

async function ask(stage: Stage, order?: object): Promise<RolloutView> {
  const headers = { 'content-type': 'application/json' }
  const request = order ? { method: 'POST', headers, body: JSON.stringify(order) } : {}
  const url = `${stage.gateway.adminUrl}/deploy`
  // A connection that rested may be closed at the moment it is used again; whoever asks once more gets another.
  const answer = await fetch(url, request).catch((error: unknown) => {
    if (order) throw error
    return fetch(url)
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  const told: unknown = await answer.json()
  return order ? (told as RolloutView) : ((told as { rollouts: RolloutView[] }).rollouts[0] as RolloutView)
}

/** What a bad release said wrongly, and ended as it wished: nothing the gateway could have known. */
const isHarm = ({ verdict, detail }: Outcome): boolean => verdict === 'naked' && detail.endsWith('and looks whole')
const cutOf = (outcomes: readonly Outcome[]): Outcome[] =>
  outcomes.filter((each) => each.verdict !== 'whole' && !isHarm(each))

function rowOf(kind: string, { view, seconds, outcomes, calls }: Shown): RealRow {
  const seen = calls.filter(({ attempts }) => attempts.some(({ upstream }) => upstream.startsWith('chat-v2-'))).length
  return {
    ...{ seen, seenShare: seen / Math.max(1, calls.length), judged: view.calls },
    moved: calls.filter(({ seams = [] }) => seams.length > 0).length,
    ...{ kind, isAsked: realKinds[kind]?.isAsked ?? false, end: view.phase, reason: view.reason },
    ...{ topShare: Math.max(...view.history.map(({ share }) => share)) },
    ...{ harmed: outcomes.filter(isHarm).length, cut: cutOf(outcomes).length, answers: outcomes.length },
    seconds: Math.round(seconds),
  }
}
