/**
 * The crash suite as a table: workers are killed at every step of an answer.
 *
 *   node test/crash/steps/main.ts --all --lanes 2
 *   node test/crash/steps/main.ts --only 'sealed, stream'
 */
import { parseArgs } from 'node:util'
import type { Row } from './lane.ts'
import { otherScenes } from './other-scenes.ts'
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
const { all, only, lanes } = values

/** Those that were asked for. */
function chosen<T extends { readonly name: string; readonly mode?: string }>(from: {
  readonly ofCi: readonly T[]
  readonly others: readonly T[]
}): T[] {
  const every = [...from.ofCi, ...from.others]
  if (only !== undefined) return every.filter(({ name, mode }) => `${name}, ${mode ?? 'stream'}`.includes(only))
  return all ? every : [...from.ofCi]
}

process.stdout.write(`${printHead()}\n`)
const tell = (row: Row): void => void process.stdout.write(`${printRow(row)}\n`)
const programme = { scenes: chosen(allScenes()), others: chosen(otherScenes()) }
const rows = await play(programme, { lanes: Number(lanes), tell })
process.stdout.write(`${printSum(rows)}\n`)
process.exitCode = rows.length > 0 && rows.every(({ complaints }) => complaints.length === 0) ? 0 : 1
