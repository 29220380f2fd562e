/** Secrets that the configuration names: found where they are, told by their field where they are not. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ConfigError } from '../ground/config-error.ts'
import { readSecret } from './secrets.ts'

let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-secrets-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

test('a secret is itself, or stands in the environment, or in a file', (t) => {
  process.env['HOLDFAST_TEST_SECRET'] = 'from the environment'
  t.after(() => delete process.env['HOLDFAST_TEST_SECRET'])
  const path = join(folder, 'secret')
  writeFileSync(path, 'from a file\n')
  assert.equal(readSecret('sk-plain', 'keys.0.key'), 'sk-plain')
  assert.equal(readSecret('env:HOLDFAST_TEST_SECRET', 'keys.0.key'), 'from the environment')
  assert.equal(readSecret(`file:${path}`, 'keys.0.key'), 'from a file')
})

test('a secret that is missing is told by its field and place', () => {
  const told = { place: 'environment', field: 'upstreams.gpu1.key', message: /HOLDFAST_NO_SUCH_VARIABLE is not set/ }
  assert.throws(() => readSecret('env:HOLDFAST_NO_SUCH_VARIABLE', 'upstreams.gpu1.key'), asked(told))
  const empty = join(folder, 'empty-secret')
  writeFileSync(empty, '\n')
  const isEmpty = { place: empty, field: 'keys.0.key', message: /the file is empty/ }
  assert.throws(() => readSecret(`file:${empty}`, 'keys.0.key'), asked(isEmpty))
  const path = join(folder, 'no-secret')
  assert.throws(
    () => readSecret(`file:${path}`, 'keys.0.key'),
    asked({ place: path, field: 'keys.0.key', message: /no such file/ }),
  )
})

function asked(wanted: { place: string; field: string; message: RegExp }): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof ConfigError, String(thrown))
    const [problem] = thrown.problems
    assert.equal(problem?.place, wanted.place)
    assert.equal(problem?.field, wanted.field)
    assert.match(problem?.message ?? '', wanted.message)
    return true
  }
}
