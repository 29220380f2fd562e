/** Messages as they arrive at receivers of each kind, and receivers that behave badly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { noticeAbout, nowMs, receiverOf, Sink } from './sink.ts'

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ...').toString('base64')}`
const timeoutMs = 300

interface Body {
  readonly status: string
  readonly alerts: readonly {
    readonly status: string
    readonly labels: Record<string, string>
    readonly endsAt: string
  }[]
}

test('a webhook gets what Alertmanager would send, signed so that another library accepts it', async () => {
  await using sink = await Sink.open()
  const receiver = receiverOf({ webhook: { url: `${sink.url}/hook?x=1`, secret, token: 't0k' } })
  await receiver.deliver(noticeAbout('whole'), nowMs)
  await receiver.deliver(noticeAbout('whole'), nowMs + 5000)
  await receiver.deliver(noticeAbout('whole', nowMs), nowMs)
  const [first, again, end] = sink.taken
  assert.ok(first && again && end)
  assert.equal(first.url, '/hook?x=1')
  assert.equal(first.headers.authorization, 'Bearer t0k')
  const body = new Webhook(secret).verify(first.body, first.headers as Record<string, string>) as Body
  assert.equal(body.status, 'firing')
  assert.deepEqual(body.alerts[0]?.labels, {
    alertname: 'ErrorBudgetBurn',
    severity: 'critical',
    site: 'test',
    objective: 'whole',
  })
  // A second try bears the same id, the end another.
  assert.equal(first.headers['webhook-id'], again.headers['webhook-id'])
  assert.notEqual(first.headers['webhook-id'], end.headers['webhook-id'])
  assert.equal((JSON.parse(end.body) as Body).status, 'resolved')
  assert.throws(() => new Webhook(secret).verify(`${first.body} `, first.headers as Record<string, string>))
})

test('Slack gets a headline and lines in which nobody is called and nothing is a link', async () => {
  await using sink = await Sink.open()
  const receiver = receiverOf({ slack: { url: sink.url } })
  await receiver.deliver(noticeAbout('<!channel> & <http://evil|x>\nsecond line'), nowMs)
  const { text, blocks } = JSON.parse(sink.taken[0]?.body ?? '') as { text: string; blocks: unknown[] }
  assert.match(text, /^:rotating_light: \[critical\] ErrorBudgetBurn at test: &lt;!channel&gt; &amp;/)
  assert.ok(!JSON.stringify(blocks).includes('<!channel>'))
  assert.ok(!text.includes('\n'))
})

test('PagerDuty gets an event to trigger and one to resolve, under one key', async () => {
  await using sink = await Sink.open()
  const receiver = receiverOf({ pagerduty: { key: 'k'.repeat(32), url: sink.url } })
  assert.equal(receiver.mailbox.isSingle, true)
  sink.answer = (response) => response.writeHead(202).end('{"status":"success"}')
  await receiver.deliver(noticeAbout('whole'), nowMs)
  await receiver.deliver(noticeAbout('whole', nowMs), nowMs)
  interface Event {
    readonly event_action: string
    readonly dedup_key: string
    readonly payload: { readonly severity: string; readonly summary: string; readonly source: string }
  }
  const [trigger, resolve] = sink.taken.map(({ body }) => JSON.parse(body) as Event)
  assert.deepEqual([trigger?.event_action, resolve?.event_action], ['trigger', 'resolve'])
  assert.equal(trigger?.dedup_key, resolve?.dedup_key)
  assert.equal(trigger?.payload.severity, 'critical')
  assert.equal(trigger?.payload.summary, 'ErrorBudgetBurn at test: whole burns')
})

const misbehaviours: Readonly<Record<string, { answer: Sink['answer']; words: RegExp }>> = {
  'one that hangs': { answer: () => {}, words: /took longer than 300 ms/ },
  'one that begins and never ends': {
    answer: (response) => void response.writeHead(200).write('o'),
    words: /took longer than 300 ms/,
  },
  'one that answers a byte at a time': {
    answer: (response) => {
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
    },
    words: /took longer than 300 ms/,
  },
  'one that fails': {
    answer: (response) => response.writeHead(500).end('broken\ninside'),
    words: /answered 500: broken inside$/,
  },
  'one that is somewhere else': {
    answer: (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    words: /answered 302, a redirect, which is not followed/,
  },
  'one that wants another protocol': {
    answer: (response) =>
      void response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    words: /answered 101$/,
  },
  'one that hangs up': { answer: (response) => void response.socket?.destroy(), words: /ECONNRESET/ },
  'one that says no at great length': {
    answer: (response) => response.writeHead(400).end('x'.repeat(1_000_000)),
    words: /^it answered 400: x{200}$/,
  },
}

for (const [who, { answer, words }] of Object.entries(misbehaviours))
  test(`${who} has not taken the message, and costs no more than its time`, async () => {
    await using sink = await Sink.open()
    sink.answer = answer
    const path = '/services/T0/B0/secretpart'
    const receiver = receiverOf({ timeoutMs, slack: { url: sink.url + path } })
    await assert.rejects(receiver.deliver(noticeAbout('whole'), nowMs), (error: Error) => {
      assert.match(error.message, words)
      assert.ok(!error.message.includes('secretpart'), 'an address may be a secret')
      return true
    })
  })

test('one that has taken it at great length has taken it', async () => {
  await using sink = await Sink.open()
  sink.answer = (response) => response.end('x'.repeat(1_000_000))
  await receiverOf({ timeoutMs: 5000, slack: { url: sink.url } }).deliver(noticeAbout('whole'), nowMs)
})

test('one that asks for patience says for how long', async () => {
  await using sink = await Sink.open()
  sink.answer = (response) => response.writeHead(429, { 'retry-after': '30' }).end()
  const receiver = receiverOf({ slack: { url: sink.url } })
  await assert.rejects(receiver.deliver(noticeAbout('whole'), nowMs), { retryAfterMs: 30_000 })
})

test('an address that is none, or where nobody is, is said without what may be secret in it', async () => {
  const fails = (url: string) => receiverOf({ timeoutMs, slack: { url } }).deliver(noticeAbout('whole'), nowMs)
  await assert.rejects(fails('hooks.example/secret'), { message: 'its address is no URL of http or https' })
  await assert.rejects(fails('file:///etc/passwd'), { message: 'its address is no URL of http or https' })
  await assert.rejects(fails('http://127.0.0.1:1/secret'), { message: '127.0.0.1:1: ECONNREFUSED' })
})
