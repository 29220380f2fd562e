// A changed configuration is taken up while answers run: when asked, and by itself; what is wrong changes nothing.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from './chat.ts'
import { holdfast, startGateway } from './gateway.ts'

const model = 'lab'

async function start(t: TestContext, more: string) {
  const sim = await startSim({ model, rate: 50 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-reload-'))
  const file = join(folder, 'holdfast.yaml')
  const write = (rest: string): void =>
    writeFileSync(file, `upstreams: { a: { url: '${sim.url}/v1' } }\ninclude: [more*.yaml]\n${more}\n${rest}`)
  write('')
  const gateway = await startGateway('--config', file, '--log-level', 'info')
  t.after(async () => {
    await gateway[Symbol.asyncDispose]()
    await sim.stop()
    rmSync(folder, { recursive: true })
  })
  const generation = async (): Promise<number> => {
    const facts = (await (await fetch(`${gateway.adminUrl}/readyz`)).json()) as { generation: number }
    return facts.generation
  }
  const ask = async (key: string): Promise<string> => {
    const { verdict, code } = await chat(gateway.url, model, 'tokens:3', true, key)
    return code ?? verdict
  }
  return { gateway, write, folder, generation, ask }
}

test('reload says what changes, hides secrets, takes it up without a cut, and refuses what is wrong as a whole', async (t) => {
  const { gateway, write, generation, ask } = await start(t, '')
  const reload = (...flags: string[]) => holdfast('reload', '--state', gateway.state, ...flags)
  assert.match((await reload()).output, /Nothing has changed/)
  const long = chat(gateway.url, model, 'tokens:200', true)
  write(
    'keys: [{ name: web, key: first-secret }]\nadmin: { port: 5021, token: an-admins-token }\nlimits: { idleMs: 60000 }\n',
  )
  const dry = await reload('--dry-run')
  assert.match(
    dry.output,
    /keys\.0: \(none\) → .*"name":"web"[\s\S]*limits\.idleMs: 75000 → 60000[\s\S]*Nothing was done yet/,
  )
  assert.match(dry.output, /next start only: admin/)
  assert.doesNotMatch(dry.output, /first-secret/)
  assert.deepEqual([await generation(), await ask('')], [1, 'whole'])
  assert.equal((await reload()).code, 0)
  // Connections that were kept get one more answer each of the workers that go.
  for (let kept = 0; kept < 3; kept++) await ask('first-secret')
  assert.deepEqual([await generation(), await ask('first-secret'), await ask('')], [2, 'whole', 'HF_KEY_UNKNOWN'])
  write(
    'keys: [{ name: web, key: second-secret }]\nadmin: { port: 5021, token: an-admins-token }\nlimits: { idleMs: 60000 }\n',
  )
  const other = await reload('--dry-run')
  assert.match(other.output, /keys\.0\.key: "\(hidden\)" → "\(hidden\), another one"/)
  write('limits: { idleMs: never }\n')
  const bad = await reload()
  assert.equal(bad.code, 1)
  assert.match(bad.output, /Nothing was changed[\s\S]*limits\.idleMs/)
  assert.deepEqual([await generation(), await ask('first-secret')], [2, 'whole'])
  assert.equal((await long).verdict, 'whole', 'it began before all of that')
})

test('watched files are taken up by themselves, also those that are new; the last good ones stay', async (t) => {
  const { write, folder, generation, ask, gateway } = await start(t, 'reload: watch')
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    for (let i = 0; i < 200; i++) {
      if (await isSo()) return
      await sleep(100)
    }
    assert.fail('it did not come to be so')
  }
  writeFileSync(join(folder, 'more.yaml'), 'keys: [{ name: web, key: a-secret-of-web }]\n')
  await until(async () => (await generation()) === 2)
  assert.deepEqual([await ask(''), await ask('a-secret-of-web')], ['HF_KEY_UNKNOWN', 'whole'])
  write('site: "N O"\n')
  await until(() => Promise.resolve(gateway.lines.some(({ msg }) => String(msg).startsWith('restart failed'))))
  assert.deepEqual([await generation(), await ask('a-secret-of-web')], [2, 'whole'])
  write('')
  await sleep(5000)
  assert.equal(await generation(), 2, 'as before is no change')
})
