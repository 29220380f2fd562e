/** `holdfast status` and `holdfast top` at a real gateway: what they say while a server dies, and when none runs. */
import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdfast } from '../crash/gateway.ts'
import { pause, patienceMs } from '../http/harness.ts'
import { openStage } from './stage.ts'

interface StatusTold {
  readonly level: string
  readonly troubles: readonly string[]
}

/** Asks until the exit code is this. */
async function statusWith(code: number, state: string): Promise<string> {
  const endMs = performance.now() + patienceMs
  for (;;) {
    const told = await holdfast('status', '--state', state)
    if (told.code === code) return told.output
    assert.ok(performance.now() < endMs, `exit ${told.code} and not ${code}: ${told.output}`)
    await pause(200)
  }
}

test('status says by words and exit code what is out; top shows it', async () => {
  await using stage = await openStage()
  const { state } = stage.gateway
  assert.match(await statusWith(0, state), /^All is well: 2 of 2 upstreams in use\.\n/)

  const [, victim] = stage.servers
  await victim.kill('SIGKILL')
  const name = new URL(victim.url).host
  const words = await statusWith(1, state)
  assert.match(words, /^Serving, with 1 of 2 upstreams in use\.\n/)
  // The first that calls notice is that their answers break off; then that nobody is there.
  assert.match(words, new RegExp(`- ${name} fails, and is asked again soon: The (answer broke|model server)`))

  const json = JSON.parse((await holdfast('status', '--state', state, '--json')).output) as StatusTold
  assert.deepEqual([json.level, json.troubles.length], ['impaired', 1])

  const { code, output } = await holdfast('top', '--once', '--state', state)
  assert.equal(code, 0)
  assert.match(output, /Tokens\/s +[\d.k]+ +[▁-█]/)
  assert.match(output, new RegExp(`${name.replaceAll('.', '\\.')} +failing`))
  // A pipe gets no colours.
  assert.ok(!output.includes('\u001b'))
  const told = JSON.parse((await holdfast('top', '--json', '--state', state)).output) as { now: { verdict: object } }
  assert.ok(told.now.verdict)
})

test('where none runs, status exits with 3 and top says how to find one', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-none-'))
  const told = await holdfast('status', '--json', '--state', folder.path)
  assert.equal(told.code, 3)
  assert.equal((JSON.parse(told.output) as StatusTold).level, 'absent')
  const top = await holdfast('top', '--state', folder.path)
  assert.equal(top.code, 1)
  assert.match(top.output, /No gateway runs .* Name the folder with --state/)
})
