// Alerts under planned maintenance: what was announced wakes nobody, and what is still there behind it does.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { checkConfig } from '../config.ts'
import type { Timer } from '../ground/clock.ts'
import { isoTime } from '../ground/iso-time.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import { silentLog } from '../observe/log.ts'
import type { Announced } from './mute-announced.ts'
import { AlertDesk, resolveAlerts } from './open-alerts.ts'

/** The desk looks when the test says so, and at no other time. */
class LookedAtByHand extends ManualClock {
  override every(): Timer {
    return super.after(Number.MAX_SAFE_INTEGER, () => {})
  }
}

interface Report {
  readonly alerts: readonly { readonly name: string }[]
  readonly muted: readonly { readonly name: string; readonly window: string; readonly until: string }[]
}

const none: Announced = { upstreams: new Map(), models: new Map(), all: null }

function stage(t: TestContext) {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-alerts-'))
  const clock = new LookedAtByHand()
  const lines: string[] = []
  const note = (facts: object, words: string): void => void lines.push(`${words} ${JSON.stringify(facts)}`)
  const log: Log = { ...silentLog, info: note, warn: note, error: note }
  const objectives = [
    { name: 'whole', sli: 'availability', target: 0.99 },
    { name: 'llama', sli: 'availability', target: 0.99, models: ['llama'] },
  ]
  const config = checkConfig({ stateDir, upstreams: { gpu1: { url: 'http://127.0.0.1:1/v1' } }, objectives })
  const desk = new AlertDesk(config, resolveAlerts(config), { clock, random: seededRandom(1), log })
  t.after(async () => {
    await desk[Symbol.asyncDispose]()
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 })
  })
  let [good, bad] = [0, 0]
  /** So many calls of each kind, in ten seconds. */
  const call = async (well: number, badly: number): Promise<Report> => {
    good += well
    bad += badly
    clock.advance(10_000)
    const counts = [good, bad] as const
    const quiet = { firstTokens: { count: 0, logSum: 0 }, callsLive: 0, heap: 0, memory: 0 }
    desk.hear('1', 0, { ...quiet, objectives: { whole: counts, llama: counts }, pools: {}, quotas: {}, quotasLeft: {} })
    await desk.look()
    return desk.report() as Report
  }
  const window = (minutes: number) => ({ title: 'New racks', untilMs: clock.nowMs() + 60_000 * minutes })
  return { desk, call, lines, window }
}

const names = ({ alerts, muted }: Report): number[] => [alerts.length, muted.length]

test('what maintenance does to a model that is announced wakes nobody, and is said; behind it the alert comes', async (t) => {
  const { desk, call, lines, window } = stage(t)
  const racks = window(30)
  desk.announced = () => ({ ...none, models: new Map([['llama', racks]]), all: racks })
  await call(100, 0)
  const still = await call(0, 100)
  assert.deepEqual(names(still), [0, 2])
  assert.deepEqual([still.muted[0]?.window, still.muted[0]?.until], ['New racks', isoTime(racks.untilMs)])
  await call(0, 100)
  assert.equal(lines.filter((line) => line.startsWith('planned maintenance keeps')).length, 2, 'each is said once')
  assert.match(await metricOf(desk), /holdfast_alerts_muted 2/)
  desk.announced = () => none
  assert.deepEqual(names(await call(0, 10)), [2, 0])
  assert.equal(lines.filter((line) => line.startsWith('an alert')).length, 2)
})

test('maintenance of a part keeps still only what is about that part', async (t) => {
  const { desk, call, window } = stage(t)
  const racks = window(30)
  desk.announced = () => ({ ...none, models: new Map([['llama', racks]]) })
  await call(100, 0)
  const { alerts, muted } = await call(0, 100)
  assert.deepEqual([alerts.length, muted.length], [1, 1])
})

test('an alert that rang before the window goes on, and is not told to be over', async (t) => {
  const { desk, call, lines, window } = stage(t)
  await call(100, 0)
  assert.deepEqual(names(await call(0, 100)), [2, 0])
  const racks = window(30)
  desk.announced = () => ({ ...none, all: racks })
  for (let i = 0; i < 60; i++) assert.deepEqual(names(await call(0, 10)), [2, 0])
  assert.ok(!lines.some((line) => line.startsWith('an alert is over')))
})

test('a window in which nothing is wrong any more leaves nothing behind it', async (t) => {
  const { desk, call, lines, window } = stage(t)
  const racks = window(30)
  desk.announced = () => ({ ...none, all: racks })
  await call(100, 0)
  assert.equal((await call(0, 20)).muted.length, 2)
  for (let i = 0; i < 90; i++) await call(1000, 0)
  desk.announced = () => none
  assert.deepEqual(names(await call(1000, 0)), [0, 0])
  assert.ok(!lines.some((line) => line.startsWith('an alert')))
})

function metricOf(desk: AlertDesk): Promise<string> {
  const found = desk.numbers().find((each) => 'name' in each && each.name === 'holdfast_alerts_muted') as
    | { name: string; values: { value: number }[] }
    | undefined
  return Promise.resolve(`${found?.name} ${found?.values[0]?.value}`)
}
