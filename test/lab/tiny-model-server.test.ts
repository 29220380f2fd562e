/**
 * The real engine with our model: it answers in each of its languages, greedy answers repeat, and the continuation of
 * an answer depends on every token before it. Tests of failover stand on these three.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { obtainLlamaServer } from '../../lab/llama-server.ts'
import { startTinyModel, type TinyModelServer } from '../../lab/start-tiny-model.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
const absence = await obtainLlamaServer({ cacheDir: join(cacheDir, 'llama-server') }).then(
  () => false as const,
  (error: Error) => error.message,
)
const question = { role: 'user', content: 'Tell me about bread.' }

describe('the real small model', { skip: absence }, () => {
  let server: TinyModelServer

  before(async () => {
    server = await startTinyModel({ cacheDir, noise: 4, slots: 2 })
  })
  after(() => server.stop())

  /** A connection for each call: the engine closes idle ones at times that a test should not depend on. */
  function ask(path: string, body?: object): Promise<Response> {
    const headers = { connection: 'close' }
    return fetch(server.url + path, body ? { method: 'POST', body: JSON.stringify(body), headers } : { headers })
  }

  async function post<T>(path: string, body: object): Promise<T> {
    const answer = await ask(path, body)
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    return JSON.parse(text) as T
  }

  async function stream(path: string, body: object): Promise<string[]> {
    const answer = await ask(path, { ...body, stream: true })
    assert.equal(answer.headers.get('content-type')?.split(';')[0], 'text/event-stream')
    const lines = (await answer.text()).split('\n').filter((line) => line.startsWith('data: '))
    return lines.map((line) => line.slice('data: '.length))
  }

  interface Chat {
    choices: { message: { content: string }; delta: { content?: string | null }; finish_reason: string | null }[]
    usage: { completion_tokens: number }
  }

  test('answers a chat, and streams the same words', async () => {
    const body = { model: 'tiny', messages: [question], temperature: 0, max_tokens: 24 }
    const whole = await post<Chat>('/v1/chat/completions', body)
    assert.ok(whole.choices[0]!.message.content.length > 0)
    assert.ok(whole.usage.completion_tokens <= 24)
    const events = await stream('/v1/chat/completions', body)
    assert.equal(events.at(-1), '[DONE]')
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event) as Chat)
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
    assert.equal(text, whole.choices[0]!.message.content)
    assert.ok(chunks.some((chunk) => chunk.choices[0]?.finish_reason))
  })

  test('answers completions and Anthropic messages', async () => {
    const completion = await post<{ choices: { text: string }[] }>('/v1/completions', {
      prompt: 'Bread',
      max_tokens: 8,
    })
    assert.ok(completion.choices[0]!.text.length > 0)
    interface Message {
      role: string
      content: { type: string; text: string }[]
    }
    const body = { model: 'tiny', messages: [question], max_tokens: 12, temperature: 0 }
    const message = await post<Message>('/v1/messages', body)
    assert.equal(message.role, 'assistant')
    assert.ok(message.content[0]!.text.length > 0)
    const events = await stream('/v1/messages', body)
    assert.equal((JSON.parse(events.at(-1)!) as { type: string }).type, 'message_stop')
  })

  test('names itself, counts its tokens and shows its metrics', async () => {
    const models = (await (await ask('/v1/models')).json()) as { data: { id: string }[] }
    assert.deepEqual(
      models.data.map(({ id }) => id),
      ['tiny'],
    )
    const metrics = await (await ask('/metrics')).text()
    assert.match(metrics, /^llamacpp:requests_processing \d/m)
  })

  async function tokensOf(content: string): Promise<number[]> {
    return (await post<{ tokens: number[] }>('/tokenize', { content })).tokens
  }

  /** The next tokens after a prefix, greedily, in an empty cache: so nothing of an earlier call can help. */
  async function continueFrom(prompt: readonly number[], count: number): Promise<number[]> {
    const body = {
      prompt,
      n_predict: count,
      temperature: 0,
      ignore_eos: true,
      return_tokens: true,
      cache_prompt: false,
    }
    return (await post<{ tokens: number[] }>('/completion', body)).tokens
  }

  test('gives the same greedy answer again, and goes on with it from any of its tokens', async () => {
    const prompt = await tokensOf('Nothing is lost when it was')
    const answer = await continueFrom(prompt, 48)
    assert.equal(answer.length, 48)
    assert.deepEqual(await continueFrom(prompt, 48), answer)
    for (const cut of [1, 7, 24, 40]) {
      assert.deepEqual(await continueFrom([...prompt, ...answer.slice(0, cut)], 48 - cut), answer.slice(cut))
    }
  })

  test('goes on differently when one token of the prefix is missing, doubled or another', async () => {
    const prompt = await tokensOf('A server is a machine that waits')
    const answer = await continueFrom(prompt, 48)
    const prefix = [...prompt, ...answer.slice(0, 24)]
    const right = answer.slice(24).join()
    let unchanged = 0
    const places = [0, 3, prompt.length, prompt.length + 6, prompt.length + 12, prefix.length - 5, prefix.length - 1]
    for (const place of places) {
      const token = prefix[place]!
      const another = token === 300 ? 301 : 300
      const wrong = [prefix.toSpliced(place, 1), prefix.toSpliced(place, 0, token), prefix.with(place, another)]
      for (const tokens of wrong) if ((await continueFrom(tokens, 24)).join() === right) unchanged++
    }
    assert.equal(unchanged, 0, `of ${places.length * 3} wrong prefixes`)
  })

  test('cuts text into tokens as it was trained, so that its pieces are words', async () => {
    const tokens = await tokensOf('the gateway asks the next server')
    assert.ok(tokens.length <= 12, `${tokens.length} tokens for six words of the corpus`)
    const { content } = await post<{ content: string }>('/detokenize', {
      tokens: await tokensOf('crêpe in Zürich, 20 °C'),
    })
    assert.equal(content, 'crêpe in Zürich, 20 °C')
  })
})

describe('the process of the real small model', { skip: absence }, () => {
  test('comes back on its own port after it was killed', async () => {
    const first = await startTinyModel({ cacheDir })
    await first.kill('SIGKILL')
    await assert.rejects(fetch(`${first.url}/health`))
    const second = await startTinyModel({ cacheDir, port: Number(new URL(first.url).port) })
    assert.equal(second.url, first.url)
    assert.equal((await fetch(`${second.url}/health`)).status, 200)
    await second.stop()
    await second.stop()
  })

  test('says what the engine said when it does not start', async () => {
    const extraArgs = ['--no-such-flag']
    await assert.rejects(startTinyModel({ cacheDir, extraArgs }), /ended at its start: .*no-such-flag/s)
  })

  test('does not outlive a parent that is killed without warning', async () => {
    const parent = spawn(process.execPath, ['lab/main.ts', 'model', '--cache', cacheDir], {
      cwd: join(import.meta.dirname, '..', '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: parent.stdout })
    const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(30_000) })) as [string]
    const ready = JSON.parse(line) as { event: string; url: string; enginePid: number }
    assert.equal(ready.event, 'ready')
    assert.equal((await fetch(`${ready.url}/health`)).status, 200)
    assert.equal(isAlive(ready.enginePid), true)
    parent.kill('SIGKILL')
    const limit = performance.now() + 5000
    while (isAlive(ready.enginePid) && performance.now() < limit) await sleep(20)
    assert.equal(isAlive(ready.enginePid), false)
  })
})

/** Whether there is such a process, zombies (killed, and waiting for init to notice) not counted. */
function isAlive(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return state !== '' && !state.startsWith('Z')
  } catch {
    return false
  }
}
