// Each detector by example: what is found, and what is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { simulateFleet } from '../../../test/heal/sim-fleet.ts'
import { seededRandom } from '../../ground/random.ts'
import type { ReplicaView } from './ailment.ts'
import { countDeath, findCrashLoop, isGivenUp } from './crash-loop.ts'
import type { Deaths } from './deaths.ts'
import { calm, decay, flap } from './damper.ts'
import { decideRemedies, type HealView } from './decide-remedies.ts'
import { effectOf } from './effect.ts'
import { HealMemory } from './heal-memory.ts'
import { healSchema } from './heal-options.ts'
import { judgeLeak } from './leak.ts'
import { RobotLimit } from './robot-limit.ts'
import { findShortage } from './supplies.ts'

const minuteMs = 60_000
const gib = 2 ** 30

function replica(more: Partial<ReplicaView> = {}): ReplicaView {
  return {
    ...{ name: 'chat-v1-1', deployment: 'chat', release: 'v1', phase: 'running', isServing: true, startedMs: 0 },
    ...{ calls: 0, progressedMs: null, toldMs: 0, memoryBytes: null, memoryBytesMax: null, deaths: null },
    ...{ ended: 0, failed: 0, disk: null, out: null, silentSinceMs: null, isLeaving: false },
    ...more,
  }
}

const death = { startedMs: 0, servedMs: 0, how: 'exit code 139', lastWords: 'segmentation fault' }
const options = healSchema.parse({})

function view(nowMs: number, replicas: readonly ReplicaView[], more: Partial<HealView> = {}): HealView {
  return {
    nowMs,
    replicas,
    deployments: new Map([['chat', { isHealed: true, replaceMs: 60_000, mayGoBack: false }]]),
    options,
    ...more,
  }
}

test('who dies again and again rests longer and longer, up to five minutes, and is given up with its last words', () => {
  let deaths: Deaths | null = null
  const restsS: number[] = []
  let nowMs = 0
  while (deaths === null || !isGivenUp(deaths)) {
    deaths = countDeath(deaths, death, (nowMs += 2000))
    restsS.push((deaths.restUntilMs - nowMs) / 1000)
    nowMs = deaths.restUntilMs
  }
  assert.deepEqual(restsS, [1, 2, 4, 8, 16, 32, 64, 128, 256, 900])
  const finding = findCrashLoop(deaths)
  assert.equal(finding?.remedy, 'tell')
  assert.match(finding?.evidence ?? '', /10 times.*exit code 139.*segmentation fault/)
  const later = countDeath(deaths, { ...death, servedMs: minuteMs }, nowMs)
  assert.equal(later.inRow, 1)
})

/** Looks every second; what is decided, with its time. */
function play(
  untilMs: number,
  seenAt: (nowMs: number) => readonly ReplicaView[],
  more: Partial<HealView> = {},
): string[] {
  const memory = new HealMemory()
  const told: string[] = []
  for (let nowMs = 1000; nowMs <= untilMs; nowMs += 1000)
    for (const { state, replica: name, ailment, remedy, detail } of decideRemedies(
      view(nowMs, seenAt(nowMs), more),
      memory,
    ).facts)
      told.push([nowMs / 1000, name, ailment, remedy, state, detail].join(' ').trim())
  return told
}

test('a replica hangs when it has work and none gets on; idle ones and busy ones do not', () => {
  const seen = (nowMs: number) => [
    replica({ name: 'a', calls: 5, progressedMs: Math.min(nowMs, 200_000), toldMs: nowMs, startedMs: -600_000 }),
    replica({ name: 'b', calls: 5, progressedMs: nowMs, toldMs: nowMs, startedMs: -600_000 }),
    replica({ name: 'c', calls: 0, progressedMs: 1000, toldMs: nowMs, startedMs: -600_000 }),
  ]
  assert.deepEqual(play(290_000, seen), ['230 a hang replace planned'])
  assert.deepEqual(play(290_000, seen, { options: { ...options, dryRun: true } }), [
    '230 a hang replace withheld dry run',
  ])
})

test('what is told no more says nothing, and where all stand still at once it takes longer', () => {
  const silent = (nowMs: number) => [
    replica({ calls: 5, progressedMs: Math.min(nowMs, 200_000), toldMs: Math.min(nowMs, 202_000) }),
  ]
  assert.deepEqual(play(400_000, silent), [])
  const all = (nowMs: number) =>
    ['a', 'b', 'c', 'd'].map((name) =>
      replica({ name, calls: 5, progressedMs: Math.min(nowMs, 200_000), toldMs: nowMs }),
    )
  assert.equal(play(285_000, all).length, 0)
  assert.match(play(291_000, all)[0] ?? '', /^290 a hang replace planned/)
})

test('a young one may load for a while, and long pauses that were normal are waited for', () => {
  const well = (nowMs: number) => replica({ name: 'well', calls: 1, toldMs: nowMs, progressedMs: nowMs })
  const young = (nowMs: number) => [replica({ calls: 1, toldMs: nowMs }), well(nowMs)]
  assert.deepEqual(
    play(400_000, (nowMs) => [replica({ calls: 1, toldMs: nowMs })]),
    [],
    'nobody measures progress',
  )
  assert.match(play(130_000, young)[0] ?? '', /^120 /)
  const pausing = (nowMs: number) => [replica({ calls: 3, progressedMs: nowMs - (nowMs % 20_000), toldMs: nowMs })]
  assert.deepEqual(play(600_000, pausing), [])
})

function memorySeries(seed: number, leakPerHour: number, loadPerHour: number) {
  const random = seededRandom(seed)
  let noise = 0
  return Array.from({ length: 72 }, (_, i) => {
    const hours = i / 12
    noise = 0.7 * noise + (random.unit() - 0.5) * 0.02
    const calls = Math.round(10 + loadPerHour * hours + 6 * random.unit())
    const bytes = (2 + noise + 0.03 * calls + leakPerHour * hours) * gib
    return { atMs: i * 5 * minuteMs, calls, bytes, peakBytes: bytes }
  })
}

test('a leak is seen, a rising load is none, and steady memory is none', () => {
  let wrong = 0
  for (let seed = 1; seed <= 40; seed++) {
    const leak = judgeLeak(memorySeries(seed, 0.6, 0), 8 * gib)
    assert.ok(leak && Math.abs(leak.bytesPerHour / gib - 0.6) < 0.06, `seed ${seed}`)
    if (judgeLeak(memorySeries(seed, 0, 5), 8 * gib)) wrong++
    if (judgeLeak(memorySeries(seed, 0, 0), 8 * gib)) wrong++
  }
  assert.ok(wrong <= 1, `${wrong} of 80 were taken for leaks`)
})

test('what flaps is left alone until it has been calm', () => {
  let damped = calm
  for (let i = 0; i < 4; i++) damped = flap(damped, i * minuteMs)
  assert.equal(damped.isSuppressed, true)
  assert.equal(decay(damped, 20 * minuteMs).isSuppressed, true)
  assert.equal(decay(damped, 70 * minuteMs).isSuppressed, false)
  fc.assert(
    fc.property(fc.array(fc.nat(600_000)), (gaps) => {
      let [atMs, state] = [0, calm]
      for (const gap of gaps) state = flap(state, (atMs += gap))
      assert.equal(decay(state, atMs + 61 * minuteMs).isSuppressed, false) // never longer than an hour
    }),
  )
})

test('a robot acts so often within any window, whatever it is asked', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ gap: fc.nat(200), to: fc.constantFrom('a', 'b', 'c') })), (asks) => {
      const limit = new RobotLimit()
      const taken: { atMs: number; to: string }[] = []
      let nowMs = 0
      for (const { gap, to } of asks)
        if (limit.take(to, (nowMs += gap), { windowMs: 1000, perDeploymentMax: 2, allMax: 4 }))
          taken.push({ atMs: nowMs, to })
      for (const { atMs, to } of taken) {
        const within = taken.filter((each) => each.atMs > atMs - 1000 && each.atMs <= atMs)
        assert.ok(within.length <= 4 && within.filter((each) => each.to === to).length <= 2)
      }
    }),
  )
})

test('a remedy that does nothing three times in a row is not used any more, and that is told', () => {
  const seen = (nowMs: number) => {
    // Each in its turn hangs, whatever is done.
    const turn = Math.floor(nowMs / 200_000)
    return [
      replica({
        name: `r${turn}`,
        calls: 5,
        startedMs: turn * 200_000 - 600_000,
        progressedMs: turn * 200_000,
        toldMs: nowMs,
      }),
    ]
  }
  const told = play(3_000_000, seen)
  assert.ok(
    told.some((line) => /measured nothing; not used for 6 h/.test(line)),
    told.join('\n'),
  )
  assert.match(told.at(-1) ?? '', /withheld it did not help|measured/)
  assert.deepEqual(
    [
      effectOf({ ended: 100, failed: 50 }, { ended: 100, failed: 0 }, false),
      effectOf({ ended: 100, failed: 0 }, { ended: 100, failed: 40 }, false),
    ],
    ['worked', 'worse'],
  )
})

test('a release of which none lives is left for another one, once; a full disk is told to people', () => {
  const dead = countDeath(countDeath(countDeath(null, death, 1), death, 2), death, 3)
  const mayGoBack = new Map([['chat', { isHealed: true, replaceMs: 60_000, mayGoBack: true }]])
  const memory = new HealMemory()
  const look = (deaths: Deaths | null) =>
    decideRemedies(
      view(1000, [replica({ deaths }), replica({ name: 'b', deaths: dead })], { deployments: mayGoBack }),
      memory,
    )
  assert.deepEqual([...look(null).rollbacks], [], 'one lives')
  const first = look(dead)
  assert.deepEqual([...first.rollbacks], ['chat'])
  assert.match(first.facts.find(({ ailment }) => ailment === 'bad-deploy')?.evidence ?? '', /all 2 replicas of v1 died/)
  assert.deepEqual([...look(dead).rollbacks], [])
  const disk = (freeMib: number, mib: number) => ({ path: '/', freeBytes: freeMib * 2 ** 20, bytes: mib * 2 ** 20 })
  assert.equal(findShortage(replica({ disk: disk(1, 100) }))?.ailment, 'disk-full')
  assert.match(findShortage(replica({ disk: disk(200, 100_000) }))?.evidence ?? '', /200 of 100000 MiB/)
  assert.equal(findShortage(replica({ disk: disk(50, 100) })), null)
})

test('silent at the workers, or at its health page, with nothing to do: it hangs all the same', () => {
  const at = (more: Partial<ReplicaView>) => (nowMs: number) => [
    replica({ toldMs: nowMs, startedMs: -600_000, progressedMs: 5000, ...more }),
  ]
  const out = { sinceMs: 10_000, isHung: true, reason: 'silent' }
  assert.match(play(60_000, at({ out }))[0] ?? '', /^40 chat-v1-1 hang replace planned/)
  assert.match(play(60_000, at({ silentSinceMs: 20_000 }))[0] ?? '', /^50 chat-v1-1 hang replace planned/)
  assert.deepEqual(play(60_000, at({ out: { ...out, isHung: false } })), [], 'bad answers may be over soon')
  assert.match(play(200_000, at({ out: { ...out, isHung: false } }))[0] ?? '', /^130 /)
  assert.deepEqual(
    play(60_000, (nowMs) => at({ out, progressedMs: nowMs })(nowMs)),
    [],
    'another worker has answers',
  )
})

test('fleets by seed: ills are found in time, and no healthy replica is taken away below the load', () => {
  for (const seed of [1, 2]) {
    const report = simulateFleet({ seed, hours: 12, deployments: 2, replicas: 4, illsPerDay: 4, lieShare: 0.03 })
    const hangs = report.found.get('hang')
    assert.ok(hangs && hangs.tookMs.every((ms) => ms < 15 * minuteMs), `seed ${seed}: ${hangs?.tookMs.join(' ')}`)
    assert.equal(report.belowLoad, 0)
    assert.deepEqual(report.falseAlarms, [])
  }
})
