// The fuzzer itself: it repeats by seed, keeps to its limits, and finds what is wrong with a reader that is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/ground/random.ts'
import { fuzzTarget } from './fuzz-target.ts'
import { Mutator } from './mutate.ts'
import { must, type Target } from './target.ts'

const order = { seed: 3, inputsMax: 3000, msMax: 20_000, measures: false }

test('changes are the same for the same seed, and no longer than may be', () => {
  const draw = (): Buffer[] => {
    const mutator = new Mutator({ random: seededRandom(7), words: [Buffer.from('word')], bytesMax: 300 })
    const seed = Buffer.from('{"length": 12, "list": [1, 2]}')
    return Array.from({ length: 2000 }, () => mutator.mutate(seed, seed))
  }
  const [once, again] = [draw(), draw()]
  assert.deepEqual(once, again)
  assert.ok(once.every(({ length }) => length <= 300))
  assert.ok(new Set(once.map(String)).size > 1500, 'most of them differ')
})

test('a crash, a wrong answer and a changed input are found, and a proper no is not', async () => {
  const seeds = ['{"length":5}']
  const target = (run: Target['run']): Target => ({ name: 'test/reader', seeds, run })
  const findingsOf = async (run: Target['run']): Promise<string> =>
    (await fuzzTarget(target(run), order)).findings.join()
  assert.match(await findingsOf((bytes) => String((JSON.parse(bytes.toString()) as { a: unknown }).a)), /SyntaxError/)
  const isWrong = (bytes: Buffer): void => must(!bytes.includes('[['), 'brackets')
  assert.match(await findingsOf(isWrong), /brackets/)
  assert.match(await findingsOf((bytes) => (bytes.length > 0 ? bytes.fill(0).length : 0)), /changes the bytes/)
  assert.equal(await findingsOf(() => 'fine'), '')
})

test('time that grows by the cube is found', async () => {
  const isSlow: Target = {
    name: 'test/slow',
    seeds: ['a'],
    bytesMax: 512,
    run(bytes) {
      const { length } = bytes
      let count = 0
      for (let i = 0; i < length; i++)
        for (let j = 0; j < length; j++) for (let k = 0; k < length; k++) if (bytes[k] === bytes[j]) count++
      return count > 0
    },
  }
  const { findings } = await fuzzTarget(isSlow, { ...order, inputsMax: 5, measures: true })
  assert.match(findings.join(), /times as long|ms for/)
})
