// A deployment in containers, through the whole gateway: the real small model serves, is killed, replaced, and goes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ReplicaRow } from '../../src/control/replica-row.ts'
import { importImage } from '../conformance/docker/docker-bench.ts'
import { openTestEngine, type TestEngine } from '../conformance/docker/obtain-docker.ts'
import { until } from '../conformance/replica-suite.ts'
import { startGateway } from '../crash/gateway.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
const model = 'tiny-r2-s1-n4-c4096.gguf'
const libraries = '/engine/usr/lib/x86_64-linux-gnu'
const release = {
  image: 'holdfast-test:llama',
  network: 'host',
  command: [
    ...[`${libraries}/ld-linux-x86-64.so.2`, '--library-path', `${libraries}:/engine/usr/lib64:${libraries}/llama`],
    ...['/engine/usr/bin/llama-server', '-m', `/${model}`, '--alias', 'small'],
    ...['--host', '${HOST}', '--port', '${PORT}', '-c', '4096', '-t', '1'],
  ],
  ulimits: { nofile: 1024 },
}

async function openEngine(): Promise<TestEngine> {
  if (!['llama-server', model].every((file) => existsSync(join(cacheDir, file))))
    throw new Error('the real engine is not here; `holdfast lab model` fetches it')
  const engine = await openTestEngine()
  const rename = ['--transform', 's,^llama-server/root,engine,']
  const tar = execFileSync('tar', ['-C', cacheDir, '-c', ...rename, 'llama-server', model], { maxBuffer: 2 ** 28 })
  await importImage(engine, release.image, tar)
  return engine
}

async function containers(engine: TestEngine): Promise<string[]> {
  const { text } = await engine.ask('GET', '/containers/json')
  return (JSON.parse(text) as { Id: string }[]).map(({ Id }) => Id)
}

async function answerOf(url: string): Promise<string> {
  const body = JSON.stringify({ model: 'small', messages: [{ role: 'user', content: 'the sea' }], max_tokens: 8 })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers })
  assert.equal(answer.status, 200)
  const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] }
  return choices[0]?.message.content ?? ''
}

test('replicas in containers serve, are replaced when they die, and are gone with the gateway', {
  timeout: 240_000,
}, async (t) => {
  const opened = await openEngine().catch((error: Error) => error)
  if (opened instanceof Error) return t.skip(`no containers here: ${opened.message}`)
  await using engine = opened
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-containers-'))
  try {
    const drivers = { site: 'e2e', docker: { host: engine.host } }
    const chat = { driver: 'docker', releases: { v1: release }, replicas: { min: 2, max: 2 } }
    await writeFile(join(folder, 'holdfast.yaml'), JSON.stringify({ drivers, deployments: { chat } }))
    {
      await using gateway = await startGateway(
        '--state',
        join(folder, 'state'),
        '--config',
        join(folder, 'holdfast.yaml'),
      )
      const rows = async (): Promise<ReplicaRow[]> =>
        ((await (await fetch(`${gateway.adminUrl}/fleet`)).json()) as { replicas: ReplicaRow[] }).replicas
      const serve = async (): Promise<boolean> => (await rows()).filter(({ state }) => state === 'serving').length === 2
      await until(serve, 'both serve')
      await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok, 'the gateway is ready')
      assert.ok((await answerOf(gateway.url)).length > 0)
      const [first = ''] = await containers(engine)
      await engine.ask('POST', `/containers/${first}/kill?signal=SIGKILL`)
      await until(async () => {
        const ids = await containers(engine)
        return ids.length === 2 && !ids.includes(first) && (await serve())
      }, 'it is replaced')
      assert.ok((await answerOf(gateway.url)).length > 0)
      // The daemon goes, and takes them with it: what it ran is not judged, and comes back with it.
      await engine.kill()
      const isBlind = async (): Promise<boolean> => gateway.lines.some(({ msg }) => msg === 'replicas cannot be seen')
      await until(isBlind, 'it is told that nothing is seen')
      await engine.restart()
      await until(serve, 'both serve again')
      await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok, 'the gateway is ready again')
      assert.ok((await answerOf(gateway.url)).length > 0)
      await gateway.end('SIGTERM')
    }
    assert.deepEqual(await containers(engine), [])
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
})
