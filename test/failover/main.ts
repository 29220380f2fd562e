/**
 * `npm run failover`: plays the scenarios against the gateway of this repository and prints the table. Exit code 1
 * unless all pass.
 *
 *     npm run failover -- --only S08,S14     some scenarios
 *     npm run failover -- --full             waits in full length
 *     npm run failover -- --json             for programs
 */
import { parseArgs } from 'node:util'
import { drawTable, playAll, type Row, scenarios } from './table.ts'
import { commonSettings } from './stage.ts'

/** Waits of the scenarios that are about waiting, and the limits they are measured by, are divided by this. */
const shortFactor = 3

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    full: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    'at-once': { type: 'string', default: '6' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write('npm run failover -- [--only S08,S14] [--full] [--at-once 6] [--json]\n')
  process.exit(0)
}
const only = values.only?.flatMap((names) => names.split(',')).map((name) => name.trim().toUpperCase())
const unknown = only?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? []
if (unknown.length > 0) {
  process.stderr.write(
    `There is no scenario ${unknown.join(', ')}. There are ${scenarios.map(({ name }) => name).join(' ')}.\n`,
  )
  process.exit(2)
}

const factor = values.full ? 1 : shortFactor
const showsProgress = process.stderr.isTTY && !values.json
const onRow = ({ name, verdict }: Row, done: number, all: number): void => {
  if (showsProgress)
    process.stderr.write(`\r\u001b[K${done} of ${all}: ${name} ${verdict}${done === all ? '\r\u001b[K' : ''}`)
}
const began = performance.now()
const rows = await playAll({ factor, atOnceMax: Number(values['at-once']), onRow, ...(only && { only }) })
const seconds = Math.round((performance.now() - began) / 1000)
const scaled = scenarios.filter(({ isScaled }) => isScaled).map(({ name }) => name)

if (values.json) process.stdout.write(`${JSON.stringify({ factor, seconds, settings: commonSettings, rows })}\n`)
else {
  const times =
    factor === 1 ? 'All waits in full length.' : `Waits and limits of ${scaled.join(', ')} divided by ${factor}.`
  const settings = `Settings of the gateway: ${JSON.stringify(commonSettings)}`
  process.stdout.write(`${drawTable(rows)}\n\n${times} ${settings}\nIt took ${seconds} s.\n`)
}
process.exitCode = rows.length > 0 && rows.every(({ verdict }) => verdict === 'pass') ? 0 : 1
