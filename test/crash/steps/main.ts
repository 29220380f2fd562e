/**
 * The crash suite as a table: workers are killed at every step of an answer.
 *
 *   node test/crash/steps/main.ts --all --lanes 2
 *   node test/crash/steps/main.ts --only 'sealed, stream'
 */
import { parseArgs } from 'node:util'
import { allScenes } from './scenes.ts'
import { play } from './stage.ts'
import { printHead, printRow, printSum } from './table.ts'

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    only: { type: 'string' },
    lanes: { type: 'string', default: '2' },
  },
})
const { ofCi, others } = allScenes()
const { only } = values
const scenes =
  only === undefined
    ? [...ofCi, ...(values.all ? others : [])]
    : [...ofCi, ...others].filter(({ name, mode }) => `${name}, ${mode}`.includes(only))
process.stdout.write(`${printHead()}\n`)
const tell = (row: Parameters<typeof printRow>[0]): void => void process.stdout.write(`${printRow(row)}\n`)
const rows = await play(scenes, { lanes: Number(values.lanes), tell })
process.stdout.write(`${printSum(rows)}\n`)
process.exitCode = rows.length > 0 && rows.every(({ complaints }) => complaints.length === 0) ? 0 : 1
