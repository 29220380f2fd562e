/** Where a call goes, through the whole house: back to the server that has read its beginning, or to its session's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { type House, openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'

type Options = { readonly balance?: NonNullable<ConfigInput['pools']>[string]['balance'] }

/** Runs a story with a house before four servers. */
async function withHouse({ balance }: Options, story: (house: House) => Promise<void>): Promise<void> {
  await using first = await openSimServer({ model: 'm' })
  await using second = await openSimServer({ model: 'm' })
  await using third = await openSimServer({ model: 'm' })
  await using fourth = await openSimServer({ model: 'm' })
  const urls = [first, second, third, fourth].map(({ url }, i) => [`s${i}`, { url: `${url}/v1` }] as const)
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    journal: { engine: 'memory' },
    upstreams: Object.fromEntries(urls),
    pools: { all: { upstreams: urls.map(([name]) => name), ...(balance && { balance }) } },
  })
  await using house = await openHouse(config, silentLog)
  await story(house)
}

/** Sends a call; returns the name of the server that answered it. */
async function ask(house: House, messages: readonly object[], headers: Record<string, string> = {}): Promise<string> {
  const { upstreams } = house.fleet
  const before = upstreams.map(({ callCount }) => callCount)
  const body = JSON.stringify({ model: 'm', messages })
  const answer = await fetch(`${house.urls[0]}/v1/chat/completions`, { method: 'POST', headers, body })
  assert.equal(answer.status, 200)
  await answer.text()
  return upstreams
    .filter(({ callCount }, i) => callCount > (before[i] as number))
    .map(({ name }) => name)
    .join()
}

const say = (content: string): object => ({ role: 'user', content })

test('every turn of a conversation goes to the server that has read the one before', async () => {
  await withHouse({ balance: { exploreShare: 0 } }, async (house) => {
    const homes = new Set<string>()
    for (let talk = 0; talk < 8; talk++) {
      const messages = [say(`Talk ${talk}: ${'tell me about the sea and the wind. '.repeat(60)} tokens:4`)]
      const home = await ask(house, messages)
      homes.add(home)
      for (let turn = 0; turn < 3; turn++) {
        messages.push({ role: 'assistant', content: 'It is wide.' }, say('And then? tokens:4'))
        assert.equal(await ask(house, messages), home, `talk ${talk}, turn ${turn}`)
      }
    }
    assert.ok(homes.size > 1, 'the talks are spread')
    const metrics = await house.metrics.registry.metrics()
    assert.match(metrics, /holdfast_choices_total\{reason="prefix"\} 24/)
    const told = /holdfast_prompt_tokens_total\{kind="cached"\} ([\d.]+)/.exec(metrics)
    assert.ok(Number(told?.[1]) > 1000, 'cached tokens are counted')
  })
})

for (const name of ['holdfast-session', 'x-session-id']) {
  test(`calls with one ${name} go to one server, whatever they say`, async () => {
    await withHouse({}, async (house) => {
      const homes = new Set<string>()
      for (let i = 0; i < 6; i++) homes.add(await ask(house, [say(`question ${i} tokens:2`)], { [name]: 'talk-7' }))
      assert.equal(homes.size, 1)
      const others = new Set<string>()
      for (let i = 0; i < 12; i++) others.add(await ask(house, [say('question tokens:2')], { [name]: `other-${i}` }))
      assert.ok(others.size > 1, 'other sessions are spread')
    })
  })
}

test('a pool can do without', async () => {
  await withHouse({ balance: { affinity: 'none' } }, async (house) => {
    const homes = new Set<string>()
    for (let i = 0; i < 24; i++)
      homes.add(await ask(house, [say(`${'the same. '.repeat(200)} tokens:2`)], { 'holdfast-session': 'x' }))
    assert.ok(homes.size > 1)
  })
})
