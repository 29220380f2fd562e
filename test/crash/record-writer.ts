/** A process that writes numbered facts into the record until it is killed: `node record-writer.ts <file> <name>`. */
import { systemClock } from '../../src/ground/clock.ts'
import { SqliteRecord } from '../../src/store/sqlite-record.ts'

const [path = '', name = ''] = process.argv.slice(2)
const record = new SqliteRecord(path, systemClock, name, {
  warn: (facts) => process.stderr.write(JSON.stringify(facts)),
})
let count = 0
setInterval(() => {
  for (let i = 0; i < 20; i++) {
    const body = JSON.stringify({ state: 'error', detail: `${name} ${count++}` })
    const links = { ray: null, upstream: null, code: null }
    record.put({ atMs: systemClock.nowMs(), kind: 'journal', rank: 2, ...links, body })
  }
}, 5)
