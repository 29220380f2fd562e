// What an operator says of incidents: every change is kept, bad input is refused in words, and an edited history shows.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Incident } from '../../src/status/incident.ts'
import { holdfast } from '../crash/gateway.ts'

interface Listed {
  readonly incidents: readonly Incident[]
  readonly firstBroken: number | null
}

test('an incident is added, updated, corrected, merged and silenced, and nothing that was said goes', async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'holdfast-incident-'))
  t.after(() => rmSync(state, { recursive: true, force: true }))
  const ask = async (...args: string[]): Promise<string> => {
    const { code, output } = await holdfast('incident', ...args, '--state', state, '--by', 'ada')
    assert.equal(code, 0, output)
    return output.trim()
  }
  const list = async (): Promise<Listed> => JSON.parse(await ask('list', '--json')) as Listed
  const id = await ask('add', '--title', 'Logins <b>fail</b>', '--text', 'We look.', '--component', 'chat')
  const other = await ask('add', '--title', 'The same', '--component', 'chat')
  await ask('update', id, '--stage', 'identified', '--text', 'It is the certficate.')
  await ask('correct', id, '--number', '2', '--text', 'It is the certificate.')
  await ask('merge', other, id)
  await ask('silence', other)
  const { incidents, firstBroken } = await list()
  assert.equal(firstBroken, null)
  const [first, second] = incidents
  assert.deepEqual([first?.stage, first?.by, first?.impact], ['identified', 'ada', 'major'])
  assert.deepEqual(
    first?.updates.map(({ text, corrected }) => [text, corrected.map((before) => before.text)]),
    [
      ['We look.', []],
      ['It is the certificate.', ['It is the certficate.']],
    ],
  )
  assert.deepEqual([second?.mergedInto, second?.isSilenced], [id, true])

  const refused = async (words: RegExp, ...args: string[]): Promise<void> => {
    const { code, output } = await holdfast('incident', ...args, '--state', state)
    assert.equal(code, 1)
    assert.match(output, words)
  }
  await refused(/no incident nothing/, 'update', 'nothing', '--text', 'x')
  await refused(/is one of/, 'update', id, '--stage', 'done')
  await refused(/longer than/, 'update', id, '--title', 'x'.repeat(300))
  await refused(/updates 1 to 2/, 'correct', id, '--number', '7', '--text', 'x')
  await refused(/another one/, 'merge', id, id)
  await refused(/Say what is new/, 'update', id)
  const third = await ask('add', '--title', 'Another', '--component', 'chat', '--level', 'degraded_performance')
  await ask('update', third, '--level', 'major_outage')
  assert.equal((await list()).incidents[2]?.impact, 'critical')
  await ask('update', id, '--stage', 'resolved')
  await refused(/is over/, 'merge', third, id)
  // The gateway's own name is nobody else's, also where it runs as a user of that name.
  const { output: own } = await holdfast(
    'incident',
    'add',
    '--title',
    'A\u001b[2J',
    '--state',
    state,
    '--by',
    'holdfast',
  )
  assert.equal((await list()).incidents.find((each) => each.id === own.trim())?.by, 'operator')
  assert.doesNotMatch(await ask('list'), /\u001b/)

  const file = new DatabaseSync(join(state, 'status.db'))
  file.exec(`UPDATE entry SET text = replace(text, 'certficate', 'weather') WHERE number = 3`)
  file.close()
  assert.equal((await list()).firstBroken, 3)
  assert.match(await ask('list'), /Entry 3 of the log is not as it was written/)
})
