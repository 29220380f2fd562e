// What a control process waits for before it begins.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { systemClock } from '../ground/clock.ts'
import { silentLog } from '../observe/log.ts'
import { SqliteLock } from '../store/sqlite-lock.ts'
import { ControlState } from './control-state.ts'

function stage() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-state-'))
  const waits: string[] = []
  const open = (onWaiting: () => void) =>
    new ControlState(folder, {
      ...{ clock: systemClock, log: silentLog },
      onWaiting: (words) => {
        waits.push(words)
        onWaiting()
      },
    })
  return { folder, waits, open, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

test('who comes second begins when the first is gone', async () => {
  using part = stage()
  const first = SqliteLock.take(join(part.folder, 'control.lock'))
  const notebook = await part.open(() => first?.[Symbol.dispose]()).take()
  assert.match(part.waits[0] ?? '', /another gateway runs the replicas of this state folder: give this one/)
  notebook.write('part', 1)
  assert.equal(notebook.read('part'), 1)
})

test('what was kept is waited for while another program holds it; where nothing can be kept it begins without', async () => {
  using part = stage()
  const other = new DatabaseSync(join(part.folder, 'control.db'))
  other.exec('BEGIN EXCLUSIVE')
  const notebook = await part.open(() => other.isOpen && other.close()).take()
  assert.match(part.waits[0] ?? '', /another program holds/)
  notebook.write('part', 1)
  assert.equal(notebook.read('part'), 1)

  using broken = stage()
  mkdirSync(join(broken.folder, 'control.db'))
  const forgetful = await broken.open(() => {}).take()
  forgetful.write('part', 1)
  assert.equal(forgetful.read('part'), null)
})
