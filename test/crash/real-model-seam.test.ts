/**
 * The real engine, killed in the middle of an answer: under greedy decoding the whole text is that of an unbroken run,
 * for chat and completions, streamed and not.
 */
import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import OpenAI from 'openai'
import { startTinyModel, type TinyModelServer } from '../../lab/start-tiny-model.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { until } from './until.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
const startMs = 180_000
const prompt = 'Tell me about the sea.'
/**
 * Greedy and long, so that there is a middle. Token by token, one slot, no cache: engines round otherwise in batches of
 * other sizes, and a near tie may then fall the other way.
 */
const greedy = { temperature: 0, max_tokens: 400, ignore_eos: true, cache_prompt: false }
/** An answer in one piece shows no middle: it is long, and killed early. */
const long = { ...greedy, max_tokens: 1500 }
const earlyMs = 40
const engineOptions = { cacheDir, noise: 4, slots: 1, extraArgs: ['--no-cache-prompt', '--ubatch-size', '1'] }

let folder = ''
let spare: TinyModelServer | null = null
let reason = ''

before(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-real-seam-'))
    try {
      spare = await startTinyModel({ ...engineOptions, signal: AbortSignal.timeout(startMs) })
    } catch (error) {
      reason = `no real engine here: ${(error as Error).message}`
    }
  },
  { timeout: startMs + 10_000 },
)
after(async () => {
  await spare?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

/** A gateway that asks `first` before the spare engine. */
async function openGateway(first: TinyModelServer, second: TinyModelServer): Promise<Gateway> {
  const path = join(folder, `${first.pid}.yaml`)
  const upstream = (url: string, priority: number) => ({ url: `${url}/v1`, kind: 'llamacpp', priority })
  writeFileSync(path, JSON.stringify({ upstreams: { first: upstream(first.url, 0), spare: upstream(second.url, 1) } }))
  return startGateway('--config', path, '--workers', '1', '--journal', 'memory')
}

type Ask = (client: OpenAI, onPiece: (count: number) => void) => Promise<{ text: string; finish: string }>

const asks: Readonly<Record<string, Ask>> = {
  'chat, streamed': async (client, onPiece) => {
    const found = { text: '', finish: '' }
    let count = 0
    const messages = [{ role: 'user' as const, content: prompt }]
    const stream = await client.chat.completions.create({ model: 'tiny', messages, stream: true, ...greedy })
    for await (const { choices } of stream) {
      found.text += choices[0]?.delta.content ?? ''
      found.finish += choices[0]?.finish_reason ?? ''
      onPiece(++count)
    }
    return found
  },
  'completions, streamed': async (client, onPiece) => {
    const found = { text: '', finish: '' }
    let count = 0
    const stream = await client.completions.create({ model: 'tiny', prompt, stream: true, ...greedy })
    for await (const { choices } of stream) {
      found.text += choices[0]?.text ?? ''
      found.finish += choices[0]?.finish_reason ?? ''
      onPiece(++count)
    }
    return found
  },
  'chat, whole': async (client, onPiece) => {
    const messages = [{ role: 'user' as const, content: prompt }]
    const answer = client.chat.completions.create({ model: 'tiny', messages, ...long })
    setTimeout(() => onPiece(50), earlyMs)
    const [choice] = (await answer).choices
    return { text: choice?.message.content ?? '', finish: choice?.finish_reason ?? '' }
  },
  'completions, whole': async (client, onPiece) => {
    const answer = client.completions.create({ model: 'tiny', prompt, ...long })
    setTimeout(() => onPiece(50), earlyMs)
    const [choice] = (await answer).choices
    return { text: choice?.text ?? '', finish: choice?.finish_reason ?? '' }
  },
}

for (const [name, ask] of Object.entries(asks)) {
  test(`${name}: killed in the middle, the text is that of an unbroken run`, { timeout: 90_000 }, async (t) => {
    if (!spare) return t.skip(reason)
    const first = await startTinyModel(engineOptions)
    await using gateway = await openGateway(first, spare)
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const unbroken = await ask(client, () => {})
    let isKilled = false
    const broken = await ask(client, (count) => {
      if (count < 50 || isKilled) return
      isKilled = true
      void first.kill('SIGKILL')
    })
    assert.ok(isKilled)
    assert.ok(unbroken.text.length > 400, `${unbroken.text.length} characters`)
    const apart = [...broken.text].findIndex((letter, i) => letter !== unbroken.text[i])
    const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, apart - 60), apart + 40))
    if (apart !== -1) assert.fail(`apart at ${apart}: ${around(broken.text)} instead of ${around(unbroken.text)}`)
    assert.equal(broken.text.length, unbroken.text.length)
    assert.equal(broken.finish, unbroken.finish)
    const calls = await until('both accounts', async () => {
      const accounts = gateway.lines.filter(({ msg }) => msg === 'call')
      return accounts.length >= 2 && accounts
    })
    await gateway.end('SIGTERM')
    const attempts = (calls.at(-1)?.['attempts'] ?? []) as { upstream: string }[]
    const asked = attempts.map(({ upstream }) => upstream)
    assert.deepEqual([asked[0], asked.at(-1)], ['first', 'spare'], `the second engine went on with it: ${asked.join()}`)
    t.diagnostic(`${unbroken.text.length} characters, seams ${JSON.stringify(calls.at(-1)?.['seams'])}`)
  })
}
