// When a change of watched files is taken up: once, and not while they are being written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChangedFiles } from './changed-files.ts'

test('a change counts once, when the files hold still', () => {
  const files = new ChangedFiles('a')
  const found = ['a', 'half', 'more', 'whole', 'whole', 'whole', 'a', 'a'].map((looks) => files.hasChanged(looks))
  assert.deepEqual(found, [false, false, false, false, true, false, false, true])
})

test('what was changed and changed back meanwhile is no change', () => {
  const files = new ChangedFiles('a')
  assert.deepEqual(
    ['b', 'a', 'a'].map((looks) => files.hasChanged(looks)),
    [false, false, false],
  )
  files.know('c')
  assert.equal(files.hasChanged('c'), false)
})
