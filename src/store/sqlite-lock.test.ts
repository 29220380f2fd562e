// A lock that one process has at a time, until it is gone.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SqliteLock } from './sqlite-lock.ts'

test('one at a time, of other processes too, also of one that died with it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lock-'))
  const path = join(folder, 'state', 'control.lock')
  const program = `import { SqliteLock } from ${JSON.stringify(join(import.meta.dirname, 'sqlite-lock.ts'))}
    import { writeSync } from 'node:fs'
    writeSync(1, SqliteLock.take(${JSON.stringify(path)}) ? 'taken' : 'busy')
    process.kill(process.pid, 'SIGKILL')`
  const other = (): string =>
    spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout
  try {
    const lock = SqliteLock.take(path)
    assert.ok(lock)
    assert.equal(other(), 'busy')
    lock[Symbol.dispose]()
    assert.equal(other(), 'taken')
    using again = SqliteLock.take(path)
    assert.ok(again)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
