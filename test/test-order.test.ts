// The order in which `npm test` runs its files: none is left out, the machine is full and not crowded.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Cost, type Place, pickNext, shareOf } from '../scripts/test-order.ts'

interface Job {
  readonly cost: Cost
}

const job = (wallS: number, cpuS: number): Job => ({ cost: { wallS, cpuS } })
const place: Place = { cores: 2, filesMax: 6 }

/** Plays a whole run; the longest time, and the most that was taken at once. */
function play(jobs: readonly Job[], at: Place): { order: Job[]; wallS: number; coresMost: number; filesMost: number } {
  const waiting = new Set(jobs)
  const endS = new Map<Job, number>()
  const order: Job[] = []
  let [nowS, coresMost, filesMost] = [0, 0, 0]
  while (waiting.size + endS.size > 0) {
    const next = pickNext([...waiting], [...endS.keys()], at)
    if (next) {
      waiting.delete(next)
      order.push(next)
      endS.set(next, nowS + next.cost.wallS)
      const shares = [...endS.keys()].map(({ cost }) => shareOf(cost))
      filesMost = Math.max(filesMost, shares.length)
      if (shares.length > 1)
        coresMost = Math.max(
          coresMost,
          shares.reduce((sum, share) => sum + share),
        )
      continue
    }
    assert.ok(endS.size > 0, 'somebody can always begin where nobody runs')
    nowS = Math.min(...endS.values())
    for (const [each, atS] of endS) if (atS <= nowS) endS.delete(each)
  }
  return { order, wallS: nowS, coresMost, filesMost }
}

test('the longest is first, and what only waits runs beside what computes', () => {
  const [waits, computes, short] = [job(140, 7), job(30, 30), job(3, 3)]
  assert.equal(pickNext([short, computes, waits], [], place), waits)
  assert.equal(pickNext([short, computes], [waits], place), computes)
  assert.equal(pickNext([short], [waits, computes], place), null, 'both cores are busy')
  assert.equal(pickNext([short, job(2, 0.2)], [waits, computes], place)?.cost.wallS, 2, 'a small one fits')
})

test('a file that wants more cores than there are runs, and alone', () => {
  const wide = job(10, 80)
  assert.equal(pickNext([wide], [job(5, 1)], place), null)
  assert.equal(pickNext([wide], [], place), wide)
})

test('whatever the files cost: each runs once, cores and files at once stay within bounds', () => {
  const cost = fc.record({
    wallS: fc.double({ min: 0, max: 200, noNaN: true }),
    load: fc.double({ min: 0, max: 3, noNaN: true }),
  })
  const cores = fc.integer({ min: 1, max: 16 })
  fc.assert(
    fc.property(fc.array(cost, { maxLength: 40 }), cores, (costs, count) => {
      const jobs = costs.map(({ wallS, load }) => job(wallS, wallS * load))
      const { order, coresMost, filesMost } = play(jobs, { cores: count, filesMax: count * 3 })
      assert.equal(order.length, jobs.length)
      assert.deepEqual(new Set(order), new Set(jobs))
      assert.ok(coresMost <= count + 1e-6 && filesMost <= count * 3, `${coresMost} cores, ${filesMost} files`)
    }),
  )
})

test('ten files that wait take little longer than one', () => {
  const { wallS } = play([job(100, 5), ...Array.from({ length: 10 }, () => job(20, 2))], place)
  assert.ok(wallS <= 101, `${wallS} s`)
})
