// The semantic cache with vectors of a real engine: what it answers is understood, and its death is a miss. The small
// model knows no meanings, so it is only asked for what is nearly the same.
import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTinyModel, type TinyModelServer } from '../../lab/start-tiny-model.ts'
import { openTestHouse, patienceMs, pause, post, ScriptedUpstream, type TestHouse } from './harness.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
/** To fetch and unpack the engine, where it is not there yet. */
const startMs = 180_000

let server: TinyModelServer | null = null
let model: ScriptedUpstream
let house: TestHouse
let reason = ''

before(
  async () => {
    try {
      const extraArgs = ['--embeddings', '--pooling', 'mean']
      server = await startTinyModel({ cacheDir, noise: 4, extraArgs, signal: AbortSignal.timeout(startMs) })
    } catch (error) {
      reason = `no real engine here: ${(error as Error).message}`
      return
    }
    model = await ScriptedUpstream.open()
    house = await openTestHouse({
      upstreams: {
        only: { url: model.url, kind: 'llamacpp', models: ['m'] },
        engine: { url: `${server.url}/v1`, models: ['tiny'] },
      },
      cache: { semantic: { model: 'tiny', waitMs: 10_000, threshold: 0.9 } },
    })
  },
  { timeout: startMs + 10_000 },
)
after(async () => {
  await server?.stop()
  if (!server) return
  await house[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

async function ask(content: string): Promise<string> {
  const headers = ['content-type: application/json', 'holdfast-cache: semantic']
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
  const answer = await house.ask(post(body, { headers }))
  assert.equal(answer.status, 200)
  return answer.headers['holdfast-cache'] ?? ''
}

async function count(look: string): Promise<number> {
  const metric = await house.house.metrics.registry.getSingleMetric('holdfast_semantic_questions_total')?.get()
  return metric?.values.find(({ labels }) => labels['look'] === look)?.value ?? 0
}

test('The vectors of a real engine are compared, and its death is a miss.', { timeout: 60_000 }, async (t) => {
  if (!server) return t.skip(reason)
  assert.equal(await ask('tell me about the sea and the waves'), 'miss')
  const endMs = performance.now() + patienceMs
  while ((await count('kept')) === 0 && performance.now() < endMs) await pause(5)
  assert.match(await ask('tell me about the sea and the  waves'), /^semantic; similarity=(0\.9\d\d|1\.000); age=/)
  await server.kill('SIGKILL')
  assert.equal(await ask('tell me about the sea and its waves'), 'miss')
  assert.equal((await count('failed')) + (await count('busy')), 1)
})
