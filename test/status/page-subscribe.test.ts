/** The page of a running gateway takes a wish for letters, by its own process; feeds and badges lie beside it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MailServer } from '../alerts/mail-server.ts'
import { freePort, startGateway } from '../crash/gateway.ts'
import { eventually } from '../http/chat-app.ts'
import { plain } from './subscription-stage.ts'

test('whoever fills in the form is sent a letter to confirm; feeds lie beside the page', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-page-subscribe-'))
  await using mail = await MailServer.open()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const config = join(folder, 'holdfast.yaml')
  await writeFile(
    config,
    JSON.stringify({
      ...{ workers: 1, listeners: [{ host: '127.0.0.1', port: 0 }], admin: { port: 0 }, log: { level: 'error' } },
      upstreams: { gone: { url: 'http://127.0.0.1:9/v1' } },
      status: {
        ...{ name: 'Page of a test', url, page: { port } },
        subscriptions: { mail: { host: '127.0.0.1', port: mail.port, from: 'status@example.org', security: 'none' } },
      },
    }),
  )
  try {
    await using _ = await startGateway('--config', config)
    const page = (path: string, init?: RequestInit): Promise<string> =>
      fetch(url + path, init).then(
        (answer) => answer.text(),
        () => '',
      )
    await eventually('the page', async () => (await page('/')).includes('Page of a test'))
    assert.ok((await page('/')).includes(`<form method="post" action="${url}/subscribe">`))
    const body = new URLSearchParams({ email: 'reader@example.org' })
    assert.match(await page('/subscribe', { method: 'POST', body }), /Look into your mail/)
    await eventually('the letter', () => Promise.resolve(mail.letters.length > 0))
    assert.deepEqual(mail.letters[0]?.to, ['reader@example.org'])
    const link = /\/confirm\?token=[\w.-]+/.exec(plain(mail.letters[0]))?.[0]
    assert.ok(link)
    assert.match(await page(link), /<button/)
    assert.match(await page(link, { method: 'POST' }), /Confirmed/)
    assert.match(await page('/history.atom'), /^<\?xml[^]*<feed/)
    const badge = await fetch(`${url}/badge.svg`)
    assert.match(badge.headers.get('content-type') ?? '', /^image\/svg\+xml/)
    const summary = (await (await fetch(`${url}/api/v2/summary.json`)).json()) as { status: { indicator: string } }
    assert.equal(summary.status.indicator, 'none')
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
})
