// The keeper of a certificate with an authority that answers oddly, and a disk that takes nothing.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { AcmeKeeper } from '../../src/house/tls/acme-keeper.ts'
import { readPair } from '../../src/house/tls/read-pair.ts'
import { Authority, type Made, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false
let authority: Authority
let right: Made
let wrong: Made
before(() => {
  if (skip) return
  authority = new Authority()
  right = authority.issue('one.test', 'two.test')
  wrong = authority.issue('one.test')
})
after(() => authority?.[Symbol.dispose]())

function open(answers: readonly Made[]) {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-keeper-'))
  const clock = new ManualClock(readPair(right.cert, right.key).fromMs + 60_000)
  const [failures, pairs]: [string[], unknown[]] = [[], []]
  let asked = 0
  const keeper = new AcmeKeeper(
    { directoryUrl: 'http://127.0.0.1:1/', names: ['one.test', 'two.test'], agreeToTerms: true },
    {
      ...{ clock, random: systemRandom, stateDir, hasPlainPort: true, prove: () => Promise.resolve() },
      onPair: (pair) => void pairs.push(pair),
      onFailure: (words) => void failures.push(words),
      issue: () => Promise.resolve(answers[asked++] ?? assert.fail('nothing more is to be asked')),
    },
  )
  const close = (): void => rmSync(stateDir, { recursive: true })
  return { keeper, clock, failures, pairs, stateDir, asked: () => asked, [Symbol.dispose]: close }
}

test('a certificate for other names, or of another time, is not used, and asked for again only after a pause', {
  skip,
}, async () => {
  using rig = open([wrong, right, right])
  const { keeper, clock, failures, pairs } = rig
  await keeper.look()
  await keeper.look()
  assert.deepEqual([rig.asked(), keeper.pair, pairs.length], [1, null, 0])
  assert.match(failures.join(), /not for two\.test/)
  // By this clock it is long over: the clock may be wrong, or the authority.
  clock.jumpMs(400 * 86_400_000)
  await keeper.look()
  await keeper.look()
  assert.deepEqual([rig.asked(), keeper.pair], [2, null])
  assert.match(failures[1] ?? '', /clock/)
  clock.jumpMs(-400 * 86_400_000)
  assert(keeper.dueMs > clock.nowMs() + 60_000)
})

test('one that the disk does not take is used, told, and kept once there is room; it is not asked for anew', {
  skip,
}, async () => {
  using rig = open([right])
  const { keeper, failures, pairs, stateDir } = rig
  const inTheWay = join(stateDir, 'acme', 'certificate.json')
  mkdirSync(inTheWay, { recursive: true })
  await keeper.look()
  await keeper.look()
  assert.deepEqual([keeper.pair?.names, pairs.length, failures.length], [['one.test', 'two.test'], 1, 1])
  assert.match(keeper.trouble ?? '', /cannot be kept/)
  rmdirSync(inTheWay)
  await keeper.look()
  assert.deepEqual([rig.asked(), keeper.trouble, existsSync(inTheWay)], [1, null, true])
})
