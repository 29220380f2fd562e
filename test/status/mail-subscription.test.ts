/** Subscriptions by mail, at a real mail server: asked back first, told once, let go by one click, never misused. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MailServer } from '../alerts/mail-server.ts'
import { headerOf, pathIn, plain, Stage } from './subscription-stage.ts'
import { incidentView, maintenanceView, statusView, update } from './view-fixture.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

test('who confirms is told each update exactly once, over restarts, and of nothing that was said before', async () => {
  await using stage = await Stage.open()
  await stage.tell(1)
  await stage.subscribe('Reader@Example.com')
  assert.equal(stage.letters.length, 1)
  assert.deepEqual(stage.letters[0]?.to, ['reader@example.com'])
  for (const updates of [1, 2, 2, 3]) {
    await stage.tell(updates)
    await stage.pass(1000)
    await stage.reopen()
    await stage.tell(updates)
    await stage.pass(1000)
  }
  const [, second, third, ...more] = stage.letters
  assert.ok(second && third)
  assert.deepEqual(more, [])
  assert.match(plain(second), /Update 2\./)
  assert.match(plain(third), /Update 3\./)
  assert.notEqual(headerOf(second, 'message-id'), headerOf(third, 'message-id'))
})

test('nothing is sent to who does not confirm but the question, and after two days the link is void', async () => {
  await using stage = await Stage.open()
  await stage.post('/subscribe', { email: 'a@example.com' })
  await stage.tell(1)
  await stage.pass(1000)
  assert.equal(stage.letters.length, 1)
  const [question] = stage.letters
  assert.ok(question)
  assert.match(headerOf(question, 'subject') ?? '', /Please confirm/)
  stage.clock.jumpMs(2 * dayMs + 1)
  assert.equal((await stage.post(pathIn(question, 'confirm'), {})).status, 404)
  await stage.tell(2)
  await stage.pass(1000)
  assert.equal(stage.letters.length, 1)
})

test('a program that only follows links neither confirms nor unsubscribes', async () => {
  await using stage = await Stage.open()
  await stage.post('/subscribe', { email: 'a@example.com' })
  await stage.pass()
  const [question] = stage.letters
  assert.ok(question)
  const look = await fetch(stage.url + pathIn(question, 'confirm'))
  assert.equal(look.status, 200)
  assert.match(await look.text(), /<form method="post"><button type="submit">Confirm/)
  assert.equal(look.headers.get('referrer-policy'), 'no-referrer')
  await stage.tell(1)
  await stage.pass()
  assert.equal(stage.letters.length, 1, 'not confirmed')

  await stage.post(pathIn(question, 'confirm'), {})
  await stage.tell(2)
  await stage.pass()
  const news = stage.letters[1]
  assert.ok(news)
  assert.match(await (await fetch(stage.url + pathIn(news, 'unsubscribe'))).text(), /<button type="submit">Unsubscribe/)
  await stage.tell(3)
  await stage.pass()
  assert.equal(stage.letters.length, 3, 'still subscribed')
})

test('a mail program unsubscribes by one click, as RFC 8058 has it', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('a@example.com')
  await stage.tell(1)
  await stage.pass()
  const news = stage.letters[1]
  assert.ok(news)
  assert.equal(headerOf(news, 'list-unsubscribe-post'), 'List-Unsubscribe=One-Click')
  assert.equal(headerOf(news, 'auto-submitted'), 'auto-generated')
  const [, path] =
    /^<https:\/\/status\.example\.org(\/unsubscribe\?token=\S+)>$/.exec(headerOf(news, 'list-unsubscribe') ?? '') ?? []
  assert.ok(path)
  assert.equal((await stage.post(path, { 'List-Unsubscribe': 'One-Click' })).status, 200)
  await stage.tell(2)
  await stage.pass()
  assert.equal(stage.letters.length, 2)
  assert.equal((await stage.post(path, {})).status, 200, 'a second click is no error')
  const [, query] = path.split('?')
  const deleted = await fetch(`${stage.url}/api/v2/subscribers.json?${query}`, { method: 'DELETE' })
  assert.deepEqual(await deleted.json(), { state: 'unsubscribed' })
  assert.deepEqual(await stage.desk.report(), {
    ways: [
      {
        ...{ way: 'email', isOffered: true, confirmed: 0, unconfirmed: 0, waiting: 0 },
        ...{ delivered: 2, failed: 0, givenUp: 0, removed: 0 },
      },
    ],
    crowdedOut: 0,
  })
})

test('who chose components is told of these alone, and of what concerns all', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('chat@example.com', { component: 'chat' })
  await stage.subscribe('embed@example.com', { component: 'embed' })
  await stage.subscribe('all@example.com')
  await stage.tell(1)
  await stage.pass()
  const told = (): string[] => stage.letters.slice(3).map(({ to }) => to.join(' '))
  assert.deepEqual(told().toSorted(), ['all@example.com', 'chat@example.com'])
  await stage.tell(2, { id: 'inc-9', components: [] })
  await stage.pass()
  assert.equal(told().length, 2 + 6)
  assert.equal((await stage.post('/subscribe', { email: 'x@example.com', component: 'nothing' })).status, 422)
})

test('maintenance is told when it is announced, moved, begun and over, each once', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('a@example.com')
  const announcedMs = stage.clock.nowMs()
  const fromMs = announcedMs + hourMs
  const say = async (more: Parameters<typeof maintenanceView>[0]): Promise<void> => {
    const window = { announcedMs, fromMs, toMs: fromMs + hourMs, updatedMs: stage.clock.nowMs() }
    stage.view = statusView({ incidents: [], maintenances: [maintenanceView({ ...window, ...more })] })
    for (let i = 0; i < 2; i++) await stage.desk.tell(stage.view)
    await stage.pass(1000)
  }
  await say({})
  await say({ fromMs: fromMs + hourMs, toMs: fromMs + 2 * hourMs })
  stage.clock.advance(2 * hourMs)
  await say({ stage: 'in_progress' })
  await say({ stage: 'completed' })
  const subjects = stage.letters.slice(1).map((letter) => headerOf(letter, 'subject'))
  assert.deepEqual(subjects, [
    '[Example AI] Scheduled: New disks',
    '[Example AI] Scheduled: New disks',
    '[Example AI] In progress: New disks',
    '[Example AI] Completed: New disks',
  ])
})

test('the answer is the same whether an address is known or not, and nobody is asked more than three times a day', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('known@example.com')
  const answer = async (email: string): Promise<string> => {
    const response = await stage.post('/api/v2/subscribers.json', JSON.stringify({ subscriber: { email } }))
    return `${response.status} ${(await response.text()).replaceAll(email, 'X')}`
  }
  const answers = new Set([await answer('known@example.com'), await answer('other@example.com')])
  // The same person under other spellings, too.
  for (let i = 0; i < 10; i++) answers.add(await answer(i % 2 === 0 ? 'known@example.com' : `known+${i}@example.com`))
  assert.equal(answers.size, 1, [...answers].join('\n'))
  await stage.pass(1000)
  const questions = stage.letters.filter(({ to }) => to[0]?.startsWith('known'))
  assert.ok(questions.length <= 3, `${questions.length} letters`)
  stage.clock.jumpMs(dayMs + 1)
  await answer('known@example.com')
  await stage.pass()
  assert.equal(stage.letters.filter(({ to }) => to[0]?.startsWith('known')).length, questions.length + 1)
})

test('somebody else who asks for an address that is subscribed changes nothing, its owner may change the choice', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('a@example.com')
  await stage.tell(1)
  await stage.pass()
  const news = stage.letters[1]
  await stage.post('/subscribe', { email: 'a@example.com', component: 'embed' })
  await stage.tell(2)
  await stage.pass()
  assert.equal(stage.letters.length, 4)
  const question = stage.letters.find(
    (letter) => /Please confirm/.test(headerOf(letter, 'subject') ?? '') && letter !== stage.letters[0],
  )
  assert.ok(question && news)
  assert.match(plain(question), /incidents of Embeddings at/)
  for (let i = 0; i < 2; i++) assert.equal((await stage.post(pathIn(question, 'confirm'), {})).status, 200)
  await stage.tell(3)
  await stage.pass()
  assert.equal(stage.letters.length, 4, 'of embeddings alone')
  await stage.post(pathIn(news, 'unsubscribe'), {})
  assert.match(JSON.stringify(await stage.desk.report()), /"confirmed":0/)
})

test('a flood from one visitor is held up, one from many ends at so many letters an hour', async () => {
  await using stage = await Stage.open({ perSourceMax: 5, perHourMax: 4, sourceHeader: 'x-forwarded-for' })
  const statuses: number[] = []
  const ask = async (i: number, from: string): Promise<Response> =>
    fetch(`${stage.url}/subscribe`, {
      method: 'POST',
      headers: { 'x-forwarded-for': `1.2.3.4, ${from}` },
      body: new URLSearchParams({ email: `victim${i}@example.com` }),
    })
  for (let i = 0; i < 10; i++) statuses.push((await ask(i, '2001:db8::1')).status)
  assert.deepEqual(new Set(statuses.slice(0, 4)), new Set([202]))
  assert.deepEqual(new Set(statuses.slice(4)), new Set([429]))
  const late = await ask(99, '203.0.113.9')
  assert.equal(late.status, 429)
  assert.ok(Number(late.headers.get('retry-after')) > 0)
  await stage.pass(1000)
  assert.equal(stage.letters.length, 4)
  stage.clock.jumpMs(hourMs + 1)
  assert.equal((await ask(100, '2001:db8:0:0:ffff::2')).status, 202)
})

test('no address, name or text gets a line into the head of a mail, or a second receiver', async () => {
  await using stage = await Stage.open()
  const bad = [
    'a@example.com\r\nBcc: b@example.com',
    'a@example.com\nBcc:b@example.com',
    'a@example.com, b@example.com',
    'a@example.com;b@example.com',
    '"a b"@example.com',
    '<a@example.com>',
    'Name <a@example.com>',
    'a@b@example.com',
    'a@[127.0.0.1]',
    'a@127.0.0.1',
    'a@localhost',
    'a@.example.com',
    'a..b@example.com',
    '@example.com',
    'a@',
    'a',
    '',
    'a\u0000@example.com',
    'a@exam\u2028ple.com',
    'a@example.com%0aBcc:x',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(250)}.com`,
    'é@example.com',
  ]
  for (const email of bad) assert.equal((await stage.post('/subscribe', { email })).status, 422, JSON.stringify(email))
  for (const email of [null, 5, {}, ['a@example.com'], { toString: 'x' }])
    assert.equal((await stage.post('/api/v2/subscribers.json', JSON.stringify({ subscriber: { email } }))).status, 422)
  await stage.subscribe('o.k+tag@bücher.example')
  assert.equal(headerOf(stage.letters[0] ?? assert.fail(), 'to'), 'o.k+tag@xn--bcher-kva.example')

  const hostile = 'x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script> & \u0000 日本 \ud800'
  const page = { ...stage.view.page, name: hostile }
  stage.view = statusView({
    page,
    incidents: [
      incidentView({
        title: hostile,
        components: [{ id: 'chat', name: hostile, level: 'major_outage' }],
        updates: [update(1, stage.clock.nowMs(), 'identified', hostile, 'major_outage')],
      }),
    ],
    maintenances: [],
  })
  await stage.desk.tell(stage.view)
  await stage.pass()
  const news = stage.letters[1]
  assert.ok(news)
  assert.equal(stage.letters.length, 2)
  assert.equal(news.to.length, 1)
  assert.equal(headerOf(news, 'bcc'), null)
  assert.doesNotMatch(plain(news), /^Content-Type: text\/html[^]*<script>/m)
  assert.match(plain(news), /&lt;script&gt;/)
})

test('bodies that are too large, no JSON, or of another kind are refused in words', async () => {
  await using stage = await Stage.open()
  assert.equal((await stage.post('/subscribe', { email: 'a'.repeat(20_000) })).status, 413)
  assert.equal((await stage.post('/api/v2/subscribers.json', '{')).status, 422)
  assert.equal((await stage.post('/api/v2/subscribers.json', '[]')).status, 422)
  assert.equal((await stage.post('/subscribe', { webhook: 'https://example.com/' })).status, 422)
  assert.equal((await stage.post('/confirm?token=nonsense', {})).status, 404)
  assert.equal((await stage.post(`/unsubscribe?token=${'0'.repeat(32)}.${'A'.repeat(22)}`, {})).status, 404)
  assert.equal((await fetch(`${stage.url}/api/v2/subscribers.json`)).status, 405)
  assert.equal((await fetch(`${stage.url}/`)).status, 404)
  assert.deepEqual(stage.letters, [])
})

test('while our own mail server is away nobody is given up, and then all are told once', async () => {
  const away = await MailServer.open()
  await using stage = await Stage.open({ timeoutMs: 5000 }, away)
  for (const name of ['a', 'b', 'c']) await stage.subscribe(`${name}@example.com`)
  const { port } = away
  await away[Symbol.asyncDispose]()
  await stage.tell(1)
  for (let i = 0; i < 40; i++) await stage.pass(60_000)
  stage.mail = await MailServer.open(undefined, port)
  for (let i = 0; i < 10; i++) await stage.pass(60_000)
  assert.equal(stage.letters.length, 3)
  assert.deepEqual(
    new Set(stage.letters.map(({ to }) => to[0])),
    new Set(['a@example.com', 'b@example.com', 'c@example.com']),
  )
  assert.match(JSON.stringify(await stage.desk.report()), /"confirmed":3.*"removed":0/)
})

test('who is not there is tried again, then given up, then forgotten; others are not held up', async () => {
  const picky = await MailServer.open({
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _session, done) => {
      const isGone = mood === 'gone' && address.startsWith('gone')
      done(isGone ? Object.assign(new Error('no such user'), { responseCode: 550 }) : undefined)
    },
  })
  let mood = ''
  await using stage = await Stage.open({}, picky)
  await stage.subscribe('gone@example.com')
  await stage.subscribe('here@example.com')
  mood = 'gone'
  for (const updates of [1, 2, 3, 4]) {
    await stage.tell(updates)
    for (let i = 0; i < 5; i++) await stage.pass(10 * 60_000)
  }
  const told = stage.letters.slice(2)
  assert.deepEqual(new Set(told.map(({ to }) => to[0])), new Set(['here@example.com']))
  assert.equal(told.length, 4)
  assert.match(JSON.stringify(await stage.desk.report()), /"confirmed":1.*"removed":1/)
})

test('the clock set back or forward makes nobody hear twice', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('a@example.com')
  await stage.tell(1)
  await stage.pass()
  for (const jump of [-hourMs, 2 * hourMs, -2 * dayMs, 2 * dayMs]) {
    stage.clock.jumpMs(jump)
    await stage.desk.tell(stage.view)
    await stage.pass(1000)
  }
  assert.equal(stage.letters.length, 2)
})

test('no token lies in the file, and nobody else may read it', async () => {
  await using stage = await Stage.open()
  await stage.subscribe('a@example.com')
  const [question] = stage.letters
  assert.ok(question)
  const file = join(stage.folder, 'subscribers.db')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const mark = pathIn(question, 'confirm').split('.').at(-1) ?? ''
  assert.equal(mark.length, 22)
  for (const each of [file, `${file}-wal`])
    assert.ok(!readFileSync(each, 'latin1').includes(mark), 'the mark of a token in the file')
})

test('a mail server that takes letters and does not say so is believed to have them after the third', async () => {
  await using stage = await Stage.open({ timeoutMs: 200 })
  await stage.subscribe('a@example.com')
  assert.ok(stage.mail)
  stage.mail.onTaken = () => false
  await stage.tell(1)
  for (let i = 0; i < 12; i++) await stage.pass(10 * 60_000)
  const news = stage.letters.slice(1)
  assert.equal(news.length, 3)
  assert.equal(new Set(news.map((letter) => headerOf(letter, 'message-id'))).size, 1)
  stage.mail.onTaken = () => true
  await stage.tell(2)
  await stage.pass(10 * 60_000)
  assert.equal(stage.letters.length, 5, 'the next one is sent, and the subscriber is still there')
})

test('a mail server that thinks for longer than a delivery may take is waited for, and gets the letter once', async () => {
  const slow = await MailServer.open({ disabledCommands: ['STARTTLS'] })
  await using stage = await Stage.open({ timeoutMs: 300 }, slow)
  await stage.subscribe('a@example.com')
  slow.thinkMs = 900
  await stage.tell(1)
  for (let i = 0; i < 6; i++) await stage.pass(10 * 60_000)
  assert.equal(stage.letters.length, 2)
  assert.match(JSON.stringify(await stage.desk.report()), /"waiting":0,"delivered":2,"failed":0/)
})

test('choices that are no ids are refused in words, and are no trouble of ours', async () => {
  await using stage = await Stage.open()
  for (const component_ids of [[{ toString: 1 }], [['chat']], [1], { toString: 1 }]) {
    const subscriber = { email: 'a@example.com', component_ids }
    assert.equal((await stage.post('/api/v2/subscribers.json', JSON.stringify({ subscriber }))).status, 422)
  }
  assert.deepEqual(stage.trouble, [])
})
