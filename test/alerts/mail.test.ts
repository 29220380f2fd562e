/** Mail as a mail server gets it, and mail servers that refuse, lie or hang. */
import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { SMTPServerOptions } from 'smtp-server'
import { MailServer } from './mail-server.ts'
import { noticeAbout, nowMs, receiverOf } from './sink.ts'

const usual = { host: '127.0.0.1', security: 'none', from: 'gw@example.org', to: ['ops@example.org', 'b@example.org'] }

test('a mail has a subject, the alerts and what to do', async () => {
  await using server = await MailServer.open({ disabledCommands: ['STARTTLS'] })
  const receiver = receiverOf({ mail: { ...usual, port: server.port } })
  await receiver.deliver(noticeAbout('whole\r\nBcc: evil@example.org'), nowMs)
  await receiver.deliver(noticeAbout('whole', nowMs), nowMs)
  const [first, end] = server.letters
  assert.ok(first && end)
  assert.equal(first.from, 'gw@example.org')
  assert.deepEqual(first.to, ['ops@example.org', 'b@example.org'])
  assert.match(first.text, /^Subject: \[critical\] ErrorBudgetBurn at test: whole Bcc: evil@example\.org\s+burns/m)
  assert.doesNotMatch(first.text, /^Bcc:/m)
  assert.match(first.text, /put it out/)
  assert.match(first.text, /^Auto-Submitted: auto-generated/im)
  assert.match(end.text, /^Subject: \[resolved\] /m)
})

test('one that wants a name gets it, and a wrong password is said without the password', async () => {
  const onAuth: SMTPServerOptions['onAuth'] = ({ username, password }, _session, done) => {
    if (username === 'gw' && password === 'right') done(null, { user: username })
    else done(new Error('Invalid username or password'))
  }
  await using server = await MailServer.open({
    authOptional: false,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth,
  })
  const login = (password: string) => receiverOf({ mail: { ...usual, port: server.port, user: 'gw', password } })
  await login('right').deliver(noticeAbout('whole'), nowMs)
  assert.equal(server.letters.length, 1)
  await assert.rejects(login('hunter2').deliver(noticeAbout('whole'), nowMs), (error: Error) => {
    assert.match(error.message, /Invalid/)
    assert.ok(!error.message.includes('hunter2') && !error.message.includes(Buffer.from('hunter2').toString('base64')))
    return true
  })
})

test('without TLS nothing is sent where TLS is wanted', async () => {
  await using server = await MailServer.open({ disabledCommands: ['STARTTLS'] })
  const receiver = receiverOf({ mail: { ...usual, security: 'starttls', port: server.port } })
  await assert.rejects(receiver.deliver(noticeAbout('whole'), nowMs), /STARTTLS/)
  assert.deepEqual(server.letters, [])
})

for (const [who, greeting] of [
  ['says nothing', null],
  ['babbles', '2'],
] as const)
  test(`a mail server that ${who} costs no more than its time`, async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      const timer = setInterval(() => greeting !== null && socket.write(greeting), 20)
      socket.on('close', () => clearInterval(timer))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const receiver = receiverOf({ timeoutMs: 300, mail: { ...usual, port } })
      await assert.rejects(receiver.deliver(noticeAbout('whole'), nowMs))
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })
