/** Subscriptions by webhook and Slack: a challenge first, signed, one id for all tries, and no way into the house. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { post } from '../../src/alert/post.ts'
import { isPublicAddress } from '../../src/ground/public-address.ts'
import { Sink, type Taken } from '../alerts/sink.ts'
import { Stage } from './subscription-stage.ts'

const hourMs = 3_600_000

/** A webhook that knows what to answer. */
async function openHook(): Promise<Sink> {
  const sink = await Sink.open()
  sink.answer = (response) => {
    const { challenge } = JSON.parse(sink.taken.at(-1)?.body ?? '{}') as { challenge?: string }
    response.end(JSON.stringify({ challenge }))
  }
  return sink
}

interface Offer {
  readonly subscriber: { readonly mode: string; readonly endpoint: string; readonly secret: string }
}

async function subscribe(stage: Stage, endpoint: string, more: object = {}): Promise<Offer['subscriber']> {
  const body = JSON.stringify({ subscriber: { endpoint, email: 'ops@example.com', ...more } })
  const response = await stage.post('/api/v2/subscribers.json', body)
  assert.equal(response.status, 202)
  return ((await response.json()) as Offer).subscriber
}

/** Verified with a clock that stands where the sender's does. */
function verify(secret: string, { body, headers }: Taken, stage: Stage): Record<string, unknown> {
  const seconds = Number(headers['webhook-timestamp'])
  assert.ok(Math.abs(seconds - stage.clock.nowMs() / 1000) < 3600)
  const signed = new Webhook(secret).sign(String(headers['webhook-id']), new Date(seconds * 1000), body)
  assert.equal(headers['webhook-signature'], signed)
  return JSON.parse(body) as Record<string, unknown>
}

test('a webhook that answers the challenge gets each update once, signed as Standard Webhooks have it', async () => {
  await using stage = await Stage.open({ webhooks: true })
  await using hook = await openHook()
  const { mode, endpoint, secret } = await subscribe(stage, `${hook.url}/in?x=1`)
  assert.deepEqual([mode, endpoint], ['webhook', `${hook.url}/in?x=1`])
  await stage.pass()
  const [question] = hook.taken
  assert.ok(question)
  assert.equal(verify(secret, question, stage)['type'], 'subscription.confirmation')
  for (const updates of [1, 2, 2]) {
    await stage.tell(updates)
    await stage.pass(1000)
    await stage.reopen()
  }
  const news = hook.taken.slice(1)
  assert.equal(news.length, 2)
  const [first, second] = news.map((each) => verify(secret, each, stage))
  assert.ok(first && second)
  assert.equal(new Set(news.map(({ headers }) => headers['webhook-id'])).size, 2)
  assert.deepEqual(first['page'], {
    id: 'p4ge',
    status_indicator: 'major',
    status_description: 'Partial System Outage',
  })
  const { id, incident_updates: updates } = second['incident'] as { id: string; incident_updates: { body: string }[] }
  assert.equal(id, 'inc-2')
  assert.deepEqual(
    updates.map(({ body }) => body),
    ['Update 2.', 'Update 1.'],
  )
  const { unsubscribe } = second['meta'] as { unsubscribe: string }
  const path = unsubscribe.replace('https://status.example.org', '')
  assert.equal((await stage.post(path, {})).status, 200)
  await stage.tell(3)
  await stage.pass()
  assert.equal(hook.taken.length, 3)
})

test('the library that receivers use takes it for ours', async () => {
  await using stage = await Stage.open({ webhooks: true })
  await using hook = await openHook()
  // It looks at the time of the machine.
  stage.clock.jumpMs(Date.now() - stage.clock.nowMs())
  const { secret } = await subscribe(stage, hook.url)
  await stage.pass()
  const [question] = hook.taken
  assert.ok(question)
  const headers = question.headers as Record<string, string>
  assert.ok(new Webhook(secret).verify(question.body, headers))
  assert.throws(() => new Webhook(secret).verify(`${question.body} `, headers))
})

test('one that does not answer the challenge is asked a few times over a day and never told anything', async () => {
  await using stage = await Stage.open({ webhooks: true, giveUpMs: 24 * hourMs })
  await using hook = await Sink.open()
  await subscribe(stage, hook.url)
  await stage.tell(1)
  for (let i = 0; i < 80; i++) {
    stage.clock.jumpMs(hourMs)
    await stage.pass(1000)
  }
  assert.ok(hook.taken.length > 1 && hook.taken.length < 40, `${hook.taken.length} tries`)
  assert.ok(hook.taken.every(({ body }) => body.includes('subscription.confirmation')))
  assert.equal(new Set(hook.taken.map(({ headers }) => headers['webhook-id'])).size, 1)
})

test('a message that is refused is tried again with the same id and body, in order, and others do not wait', async () => {
  await using stage = await Stage.open({ webhooks: true })
  await using hook = await openHook()
  await using other = await openHook()
  await subscribe(stage, hook.url)
  await subscribe(stage, other.url)
  await stage.pass()
  const { answer } = hook
  hook.answer = (response) => response.writeHead(503, { 'retry-after': '120' }).end()
  await stage.tell(1)
  await stage.pass(1000)
  await stage.tell(2)
  await stage.pass(1000)
  assert.equal(other.taken.length, 3)
  assert.equal(hook.taken.length, 2)
  await stage.pass(60_000)
  assert.equal(hook.taken.length, 2, 'it asked for more patience')
  hook.answer = answer
  await stage.pass(61_000)
  const [, first, again, second, ...more] = hook.taken
  assert.ok(first && again && second)
  assert.deepEqual(more, [])
  assert.deepEqual([again.headers['webhook-id'], again.body], [first.headers['webhook-id'], first.body])
  assert.notEqual(second.headers['webhook-id'], first.headers['webhook-id'])
  assert.match(second.body, /Update 2\./)
})

test('one that fails for days is removed; one that says that it is gone, sooner', async () => {
  await using stage = await Stage.open({ webhooks: true })
  await using hook = await openHook()
  await using gone = await openHook()
  await subscribe(stage, hook.url)
  await subscribe(stage, gone.url)
  await stage.pass()
  hook.answer = (response) => response.writeHead(500).end()
  gone.answer = (response) => response.writeHead(410).end()
  for (let hour = 0, updates = 1; hour < 80; hour++) {
    if (hour % 20 === 0) await stage.tell(updates++)
    stage.clock.jumpMs(hourMs)
    await stage.pass(1000)
  }
  assert.equal(gone.taken.length, 1 + 3)
  assert.match(JSON.stringify(await stage.desk.report()), /"confirmed":0.*"waiting":0.*"removed":2/)
  assert.ok(hook.taken.length < 120, `${hook.taken.length} tries`)
})

test('no address that leads inside is taken, in any spelling, nor is one that is not offered', async () => {
  await using stage = await Stage.open({ webhooks: true, slack: true, localWebhooks: false })
  const inside = [
    ...['http://example.com/', 'https://127.0.0.1/', 'https://localhost/x', 'https://10.0.0.1/', 'https://[::1]/'],
    ...['https://169.254.169.254/latest', 'https://db/', 'https://x.internal/', 'https://2130706433/', 'file:///x'],
    ...['https://user:pw@example.com/', 'https://[::ffff:10.0.0.1]/', 'nonsense', 'https://0x7f.1/'],
  ]
  for (const endpoint of inside) {
    const asked = await stage.post('/api/v2/subscribers.json', JSON.stringify({ subscriber: { endpoint } }))
    assert.equal(asked.status, 422, endpoint)
    assert.equal((await stage.post('/subscribe', { slack: endpoint })).status, 422, endpoint)
  }
  assert.equal((await stage.post('/subscribe', { slack: 'https://hooks.slack.com.evil.example/x' })).status, 422)
  await using closed = await Stage.open()
  assert.equal((await closed.post('/subscribe', { webhook: 'https://example.com/x' })).status, 422)
  assert.equal((await closed.post('/subscribe', { slack: 'https://hooks.slack.com/services/x' })).status, 422)
})

test('a name that leads inside once it is looked up is not connected to', async () => {
  await using sink = await Sink.open()
  const { port } = new URL(sink.url)
  for (const host of ['localhost', '127.0.0.1', '[::1]']) {
    const letter = { url: `http://${host}:${port}/`, headers: {}, body: '{}' }
    await assert.rejects(post(letter, { timeoutMs: 1000, isAllowed: isPublicAddress }))
  }
  assert.deepEqual(sink.taken, [])
})

test('a channel of Slack hears of its subscription and of each update; nothing calls everybody', async () => {
  await using hook = await Sink.open()
  await using stage = await Stage.open({ slack: true, slackHosts: [new URL(hook.url).host] })
  const asked = await stage.post('/subscribe', { slack: `${hook.url}/services/T/B/x` })
  assert.equal(asked.status, 202)
  assert.doesNotMatch(await asked.text(), /whsec_/)
  await stage.pass()
  await stage.tell(1, { title: '<!channel> & <https://evil.example|x>' })
  await stage.pass()
  const [welcome, news, ...more] = hook.taken.map(({ body }) => JSON.parse(body) as { text: string; blocks: unknown[] })
  assert.ok(welcome && news)
  assert.deepEqual(more, [])
  assert.match(welcome.text, /is told of incidents of Example AI/)
  assert.match(news.text, /^:rotating_light: Example AI: Investigating: &lt;!channel&gt; &amp; &lt;https/)
  assert.doesNotMatch(JSON.stringify(news), /<!channel>|<https:\/\/evil/)
  assert.match(JSON.stringify(news.blocks), /<https:\/\/status\.example\.org\/unsubscribe\?token=[\w.-]+\|Unsubscribe>/)
})

test('a webhook that was subscribed before gets a new secret only once it has answered again', async () => {
  await using stage = await Stage.open({ webhooks: true })
  await using hook = await openHook()
  const first = await subscribe(stage, hook.url)
  await stage.pass()
  const { answer } = hook
  hook.answer = (response) => response.end('ok')
  const second = await subscribe(stage, hook.url)
  assert.notEqual(second.secret, first.secret)
  await stage.pass()
  await stage.tell(1)
  await stage.pass()
  verify(first.secret, hook.taken.at(-1) ?? assert.fail(), stage)
  hook.answer = answer
  await stage.pass(60_000)
  await stage.tell(2)
  await stage.pass()
  verify(second.secret, hook.taken.at(-1) ?? assert.fail(), stage)
  assert.match(hook.taken.at(-1)?.body ?? '', /Update 2\./)
  assert.match(JSON.stringify(await stage.desk.report()), /"confirmed":1,"unconfirmed":0/)
})

test('a stranger’s door that does not answer is knocked at five times for one request, and no more', async () => {
  await using stage = await Stage.open({ webhooks: true })
  await using sink = await Sink.open()
  sink.answer = (response) => response.writeHead(500).end()
  await subscribe(stage, `${sink.url}/in`)
  for (let i = 0; i < 60; i++) await stage.pass(hourMs / 2)
  assert.equal(sink.taken.length, 5)
})
