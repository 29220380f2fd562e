/**
 * Calls whose first token is late are sent twice: the caller gets one whole answer, the slow server is let go and not
 * blamed, and it happens seldom.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedAnswer } from '../../lab/answer.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { openHouse, type House } from '../../src/main.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import { type Log, silentLog } from '../../src/observe/log.ts'
import { until } from './harness.ts'

/** Enough to know what is usual, and to have saved one hedge at two of a hundred; on a busy machine it may be spent. */
const usualCount = 60

class Rig implements AsyncDisposable {
  readonly facts: ExchangeFact[] = []
  readonly slow: SimServer
  readonly other: SimServer
  readonly house: House
  #parts: AsyncDisposableStack

  private constructor(
    parts: AsyncDisposableStack,
    house: House,
    servers: [SimServer, SimServer],
    facts: ExchangeFact[],
  ) {
    this.#parts = parts
    this.house = house
    ;[this.slow, this.other] = servers
    this.facts = facts
  }

  /** Two servers, of which the first gets nearly all calls. */
  static async open(
    settings: Partial<ConfigInput> = {},
    other: Partial<ConfigInput['upstreams'][string]> = {},
  ): Promise<Rig> {
    await using parts = new AsyncDisposableStack()
    const engine = { speed: 10 }
    const servers = [parts.use(await openSimServer({ engine })), parts.use(await openSimServer({ engine }))] as const
    const facts: ExchangeFact[] = []
    const log: Log = { ...silentLog, call: (_, fact) => void facts.push(fact) }
    const config = checkConfig({
      listeners: [{ host: '127.0.0.1', port: 0 }],
      journal: { engine: 'memory' },
      upstreams: {
        slow: { url: `${servers[0].url}/v1`, weight: 1000 },
        other: { url: `${servers[1].url}/v1`, weight: 1, ...other },
      },
      hedging: { percentMax: 100 },
      ...settings,
    })
    const house = parts.use(await openHouse(config, log))
    return new Rig(parts.move(), house, [...servers], facts)
  }

  /** Asks and gives the text of the answer. */
  async ask(prompt: string, stream: boolean): Promise<string> {
    const body = JSON.stringify({ model: 'lab-model', stream, messages: [{ role: 'user', content: prompt }] })
    const answer = await fetch(`${this.house.urls[0]}/v1/chat/completions`, { method: 'POST', body })
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    if (!stream) return (JSON.parse(text) as { choices: [{ message: { content: string } }] }).choices[0].message.content
    assert.match(text, /\[DONE\]/)
    return [...text.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)].map(([, word]) => JSON.parse(word as string)).join('')
  }

  /** So that it is known how long a call waits usually. */
  async askOften(stream: boolean): Promise<void> {
    for (let i = 0; i < usualCount; i++) await this.ask(`usual ${i} tokens:3`, stream)
    await until('the accounts', () => this.facts.length >= usualCount)
    this.facts.length = 0
  }

  /** The account of a call that came to the slow server first. One of a thousand does not, and is sent anew. */
  async askLate(prompt: string, stream: boolean): Promise<ExchangeFact> {
    for (let tries = 0; tries < 3; tries++) {
      this.facts.length = 0
      assert.equal(await this.ask(prompt, stream), expectedAnswer(prompt))
      const { attempts } = await this.lastFact()
      if (attempts.length > 1 || attempts[0]?.upstream === 'slow') break
    }
    return this.lastFact()
  }

  async lastFact(): Promise<ExchangeFact> {
    await until('the account', () => this.facts.length > 0)
    return this.facts.at(-1) as ExchangeFact
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}

for (const [form, stream] of [
  ['streamed', true],
  ['whole', false],
] as const) {
  test(`a ${form} call on a server that hangs is answered by another one, long before it would be given up`, async () => {
    await using rig = await Rig.open()
    await rig.askOften(stream)
    const before = rig.slow.calls.aborted
    rig.slow.order({ kind: 'hang', count: 1 })
    const prompt = `late ${form} tokens:12`
    const { attempts, durationMs } = await rig.askLate(prompt, stream)
    assert.deepEqual(
      attempts.map(({ upstream, code, isHedge }) => [upstream, code, isHedge ?? false]),
      [
        ['slow', 'HF_OUTRUN', false],
        ['other', null, true],
      ],
    )
    assert.ok((attempts[1]?.afterMs ?? 0) >= 49 && durationMs < 9000, JSON.stringify(attempts))

    await until('the slow server to be let go', () => rig.slow.calls.aborted === before + 1)
    const slow = rig.house.fleet.upstreams.find(({ name }) => name === 'slow')
    assert.deepEqual([slow?.lastFault, slow?.restLeftMs, slow?.load.calls], [null, 0, 0])
    assert.match(await rig.house.metrics.registry.metrics(), /holdfast_hedges_total\{outcome="won"\} [1-9]/)
  })
}

test('where the first speaks after all, the second is let go, and the answer is told once', async () => {
  await using rig = await Rig.open()
  await rig.askOften(true)
  rig.slow.order({ kind: 'slow-first-token', ms: 700, count: 1 })
  rig.other.order({ kind: 'hang', count: 1 })
  const before = rig.other.calls.aborted
  const prompt = 'late but first tokens:12'
  const { attempts } = await rig.askLate(prompt, true)
  assert.deepEqual(
    attempts.map(({ upstream, code }) => [upstream, code]),
    [
      ['other', 'HF_OUTRUN'],
      ['slow', null],
    ],
  )
  await until('the second to be let go', () => rig.other.calls.aborted === before + 1)
})

test('where the first fails beside the second, nobody else is asked, and the second answers', async () => {
  await using rig = await Rig.open({ timeouts: { firstTokenSwitchMs: 400, firstTokenMs: 400 } })
  await rig.askOften(true)
  rig.slow.order({ kind: 'hang' })
  rig.other.order({ kind: 'slow-first-token', ms: 800 })
  // The second has its own limit, and comes too late as well: the first cause is told, and both were asked once.
  const body = JSON.stringify({ model: 'lab-model', stream: true, messages: [{ role: 'user', content: 'tokens:4' }] })
  const answer = await fetch(`${rig.house.urls[0]}/v1/chat/completions`, { method: 'POST', body })
  const text = await answer.text()
  const { attempts, code } = await rig.lastFact()
  assert.equal(answer.status, 504, text)
  assert.equal(code, 'HF_FIRST_TOKEN_TIMEOUT')
  const each = attempts.map((attempt) => `${attempt.upstream} ${attempt.code}`)
  assert.deepEqual(each.toSorted(), ['other HF_FIRST_TOKEN_TIMEOUT', 'slow HF_FIRST_TOKEN_TIMEOUT'])
})

test('of many late calls few are sent twice: as many as the budget has', async () => {
  await using rig = await Rig.open({ hedging: {} })
  await rig.askOften(true)
  rig.slow.order({ kind: 'slow-first-token', ms: 250 })
  const prompts = Array.from({ length: 40 }, (_, i) => `often late ${i} tokens:3`)
  // One after the other would take long; four at once are no overload for a server with eight slots.
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    for (const prompt of prompts.filter((__, i) => i % 4 === lane))
      assert.equal(await rig.ask(prompt, true), expectedAnswer(prompt))
  })
  await Promise.all(lanes)
  await until('the accounts', () => rig.facts.length >= prompts.length)
  const metrics = await rig.house.metrics.registry.metrics()
  const counts = [...metrics.matchAll(/holdfast_hedges_total\{outcome="\w+"\} (\d+)/g)].map(([, count]) =>
    Number(count),
  )
  const hedges = counts.reduce((sum, count) => sum + count, 0)
  assert.ok(hedges >= 1 && hedges <= 2, `${hedges} of ${usualCount + prompts.length} calls`)
})

for (const [name, settings, other] of [
  ['a server that is paid for', {}, { key: 'sk-paid' }],
  ['anybody where it is turned off', { hedging: { enabled: false } }, {}],
] as const) {
  test(`a late call is not sent twice to ${name}`, async () => {
    await using rig = await Rig.open(settings, other)
    await rig.askOften(true)
    rig.slow.order({ kind: 'slow-first-token', ms: 600, count: 1 })
    const prompt = 'late and alone tokens:4'
    const { attempts } = await rig.askLate(prompt, true)
    assert.deepEqual(
      attempts.map(({ upstream, code }) => [upstream, code]),
      [['slow', null]],
    )
  })
}
