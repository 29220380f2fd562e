/**
 * The failover table in CI: every scenario, side by side, with waits and the limits that belong to them shortened. A
 * scenario that does not pass says why; `npm run failover -- --only S08` plays it alone, `--full` in full length.
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { commonSettings } from './stage.ts'
import { drawTable, playAll, type Row, scenarios } from './table.ts'

const factor = 3
const atOnceMax = 6

describe('failover table', { concurrency: true, timeout: 180_000 }, () => {
  const rows = new Map(scenarios.map(({ name }) => [name, Promise.withResolvers<Row>()] as const))
  const all = playAll({ factor, atOnceMax, onRow: (row) => rows.get(row.name)?.resolve(row) })
  for (const { name, title } of scenarios) {
    test(`${name} ${title}`, async () => {
      const row = await rows.get(name)?.promise
      assert.equal(row?.verdict, 'pass', row?.why ?? 'it was not played')
    })
  }
  after(async () => {
    const scaled = scenarios.filter(({ isScaled }) => isScaled).map(({ name }) => name)
    const settings = `settings ${JSON.stringify(commonSettings)}; waits and limits of ${scaled.join(', ')} divided by ${factor}`
    process.stdout.write(`${drawTable(await all)}\n${settings}\n`)
  })
})
