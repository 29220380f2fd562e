/**
 * `node bench/record-cost.ts`: what the record costs at full load. Two gateways, with it and without, on the same core
 * and loaded in turn: unary calls in a closed loop, CPU a call. The answer is the mean of the ratios of neighbouring
 * windows with its 95 % interval; who is first changes from pair to pair.
 */
import { Command } from './command.ts'
import { type Contender, measure, openContender, warm } from './contender.ts'
import { holdfastSqlite, holdfastUnrecorded } from './peer/holdfast.ts'
import { questions } from './question.ts'
import { startMock } from './rig.ts'

const usage = `usage: node bench/record-cost.ts [options]
  --pairs N      default 20
  --seconds N    length of each window, default 1.5`

const text = { type: 'string' } as const
const command = new Command(usage, { pairs: text, seconds: text })
const pairs = command.number('pairs', 20, 2, 1000)
const seconds = command.number('seconds', 1.5, 0.2, 60)
/** The bar, in per cent. */
const percentMax = 5

const question = questions.find(({ name }) => name === 'unary')
if (!question) throw new Error('there is no question `unary`')
const mock = await startMock()
const recorded = await openContender(holdfastSqlite, mock)
const bare = await openContender(holdfastUnrecorded, mock)
const ask = async (contender: Contender, pair: number): Promise<number> =>
  (await measure(contender, question, seconds, mock, pair)).cpuUsPerUnit
try {
  for (const contender of [recorded, bare]) await warm(contender)
  const shares: number[] = []
  for (let pair = 1; pair <= pairs; pair++) {
    const isTurned = pair % 2 === 0
    const first = await ask(isTurned ? bare : recorded, pair)
    const second = await ask(isTurned ? recorded : bare, pair)
    const [withUs, withoutUs] = isTurned ? [second, first] : [first, second]
    shares.push(100 * (withUs / withoutUs - 1))
    process.stdout.write(
      `pair ${pair}/${pairs}: with ${withUs.toFixed(1)} µs a call, without ${withoutUs.toFixed(1)}, ${shares.at(-1)?.toFixed(1)} %\n`,
    )
  }
  const mean = shares.reduce((sum, share) => sum + share, 0) / pairs
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (pairs - 1)
  const half = 1.96 * Math.sqrt(variance / pairs)
  const verdict = mean + half <= percentMax ? 'met' : mean - half > percentMax ? 'missed' : 'not decided'
  process.stdout.write(
    `\nThe record costs ${mean.toFixed(1)} % of CPU a call (95 %: ${(mean - half).toFixed(1)} to ${(mean + half).toFixed(1)}); bar ${percentMax} %: ${verdict}.\n`,
  )
} finally {
  await recorded.stop()
  await bare.stop()
  await mock.program.stop()
}
