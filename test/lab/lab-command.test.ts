/** `holdfast lab` as processes: ready lines, help, wrong command lines, and servers that die as ordered. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expectedAnswer } from '../../lab/answer.ts'
import { startSim } from '../../lab/start-sim.ts'
import { call } from './plain-client.ts'

const main = fileURLToPath(new URL('../../lab/main.ts', import.meta.url))
const chat = (content: string): object => ({ model: 'lab-model', messages: [{ role: 'user', content }] })

async function run(...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()))
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, out, err }
}

test('help names the commands, and each command explains itself', async () => {
  const [general, sim, proxy] = await Promise.all([run('--help'), run('sim', '--help'), run('proxy', '--help')])
  assert.deepEqual([general.status, sim.status, proxy.status], [0, 0, 0])
  assert.match(general.out, /sim[^]*model[^]*proxy/)
  assert.match(sim.out, /--profile[^]*crash-on-poison/)
  assert.match(proxy.out, /--target[^]*blackhole/)
})

test('a wrong command line ends with 2 and the nearest right word', async () => {
  const wrong = await Promise.all([
    run(),
    run('simm'),
    run('sim', '--prot', '1'),
    run('sim', '--rate', 'fast'),
    run('sim', '--profile', 'gpt'),
    run('sim', '--fault', '{}'),
    run('proxy'),
  ])
  assert.deepEqual(
    wrong.map(({ status }) => status),
    wrong.map(() => 2),
  )
  const said = wrong.map(({ err, out }) => err + out)
  for (const [at, says] of [/Usage/, /"sim"/, /--port/, /a number/, /vllm/, /kind/, /--target/].entries())
    assert.match(said[at] ?? '', says)
})

test('a server in a process of its own answers, and is gone when killed', async () => {
  const sim = await startSim({ profile: 'llamacpp', rate: 2000, slots: 3, fault: '{"kind":"503","count":1}' })
  assert.equal((await call(sim.url, '/v1/chat/completions', chat('x'))).status, 503)
  const { text } = await call(sim.url, '/v1/chat/completions', chat('x'))
  assert.equal(JSON.parse(text).choices[0].message.content, expectedAnswer('x'))
  assert.equal(JSON.parse((await call(sim.url, '/slots', null)).text).length, 3)
  process.kill(sim.pid, 0)
  await sim.kill('SIGKILL')
  assert.equal((await call(sim.url, '/health', null)).end, 'ECONNREFUSED')
})

test('a poisoned process exits with 134, a told one with 0', async () => {
  const start = async () => {
    const child = spawn(process.execPath, [main, 'sim', '--tied', '--fault', '{"kind":"crash-on-poison"}'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
    for await (const line of createInterface({ input: child.stdout }))
      return { child, gone, url: String(JSON.parse(line).url) }
    throw new Error('no ready line')
  }
  const [poisoned, told, orphaned] = await Promise.all([start(), start(), start()])
  await call(poisoned.url, '/v1/chat/completions', chat('POISON'))
  told.child.kill('SIGTERM')
  orphaned.child.stdin.end()
  assert.deepEqual([await poisoned.gone, await told.gone, await orphaned.gone], [134, 0, 0])
})

test('a server that cannot listen says why', async () => {
  const sim = await startSim()
  const port = Number(new URL(sim.url).port)
  await assert.rejects(startSim({ port }), /EADDRINUSE/)
  await sim.stop()
})

test('a fault proxy in a process of its own stands between client and server', async () => {
  const sim = await startSim()
  const child = spawn(
    process.execPath,
    [main, 'proxy', '--tied', '--target', sim.url, '--toxic', '{"kind":"slicer","bytes":7}'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, control } = JSON.parse(line)
    assert.equal(
      JSON.parse((await call(url, '/v1/chat/completions', chat('x'))).text).choices[0].message.content,
      expectedAnswer('x'),
    )
    assert.equal(JSON.parse((await call(control, '/proxies', null)).text).link.toxics[0].type, 'slicer')
    child.stdin.end()
  }
  await sim.stop()
})
