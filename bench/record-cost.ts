/**
 * `node bench/record-cost.ts`: what the record costs at full load. Gateways with it and without, on the same core and
 * loaded in turn: unary calls in a closed loop, CPU a call. One process differs from the next by some per cent,
 * whatever it does, so each block starts both anew; the answer is the median of the blocks, and beside it the same for
 * two gateways that are alike, which shows what of it is noise.
 */
import { Command } from './command.ts'
import { type Contender, measure, openContender, warm } from './contender.ts'
import { holdfastSqlite, holdfastUnrecorded, holdfastUnrecordedToo } from './peer/holdfast.ts'
import type { Peer } from './peer/peer.ts'
import { type Question, questions } from './question.ts'
import { startMock } from './rig.ts'
import { median } from './statistics.ts'

const usage = `usage: node bench/record-cost.ts [options]
  --blocks N     starts of both, default 5
  --windows N    of each in a block, default 4
  --seconds N    length of each window, default 1.5`

const text = { type: 'string' } as const
const command = new Command(usage, { blocks: text, windows: text, seconds: text })
const blocks = command.number('blocks', 5, 1, 100)
const windows = command.number('windows', 4, 1, 100)
const seconds = command.number('seconds', 1.5, 0.2, 60)
/** The bar, in per cent. */
const percentMax = 5

const question = questions.find(({ name }) => name === 'unary')
if (!question) throw new Error('there is no question `unary`')
const mock = await startMock()

/** Per cent that the first costs more than the second, in one block. `isTurned`: the second is started before it. */
async function compare(first: Peer, second: Peer, isTurned: boolean): Promise<number> {
  const contenders: Contender[] = []
  try {
    for (const peer of isTurned ? [second, first] : [first, second]) contenders.push(await openContender(peer, mock))
    if (isTurned) contenders.reverse()
    for (const contender of isTurned ? contenders.toReversed() : contenders) await warm(contender)
    const costs: [number[], number[]] = [[], []]
    for (let window = 1; window <= windows; window++) {
      const order = window % 2 === 0 ? [1, 0] : [0, 1]
      for (const i of order as (0 | 1)[]) {
        const sample = await measure(contenders[i] as Contender, question as Question, seconds, mock, window)
        costs[i].push(sample.cpuUsPerUnit)
      }
    }
    return 100 * (median(costs[0]) / median(costs[1]) - 1)
  } finally {
    for (const contender of contenders) await contender.stop()
  }
}

try {
  const cost: number[] = []
  const noise: number[] = []
  for (let block = 1; block <= blocks; block++) {
    const isTurned = block % 2 === 0
    cost.push(await compare(holdfastSqlite, holdfastUnrecorded, isTurned))
    noise.push(await compare(holdfastUnrecordedToo, holdfastUnrecorded, isTurned))
    process.stdout.write(
      `block ${block}/${blocks}: ${cost.at(-1)?.toFixed(1)} % (alike: ${noise.at(-1)?.toFixed(1)} %)\n`,
    )
  }
  const words = (values: readonly number[]): string =>
    `${median(values).toFixed(1)} % (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)})`
  process.stdout.write(
    `\nThe record costs ${words(cost)} of CPU a call, bar ${percentMax} %. Two that are alike: ${words(noise)}.\n`,
  )
} finally {
  await mock.program.stop()
}
