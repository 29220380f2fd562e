/** `holdfast restart` brings other settings to the page and its subscriptions, and the page is there all the while. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MailServer } from '../alerts/mail-server.ts'
import { freePort, type Gateway, holdfast, startGateway } from '../crash/gateway.ts'
import { eventually } from '../http/chat-app.ts'

type Status = Readonly<Record<string, unknown>>

async function stage(): Promise<{
  write(status: Status): Promise<string>
  restart(gateway: Gateway): Promise<{ code: number | null; output: string }>
  [Symbol.asyncDispose](): Promise<void>
}> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-page-restart-'))
  const config = join(folder, 'holdfast.yaml')
  const base = { workers: 1, listeners: [{ host: '127.0.0.1', port: 0 }], admin: { port: 0 }, log: { level: 'error' } }
  return {
    write: async (status) => {
      const upstreams = { gone: { url: 'http://127.0.0.1:9/v1' } }
      await writeFile(config, JSON.stringify({ ...base, upstreams, status }))
      return config
    },
    restart: ({ state }) => holdfast('restart', '--state', state),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 10 }),
  }
}

const text = (url: string): Promise<string> =>
  fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5000) }).then(
    (answer) => answer.text(),
    () => '',
  )

/** Asks again and again until told to stop; how often nothing came. */
function keepLooking(url: string): () => Promise<{ looks: number; misses: number }> {
  let [isOver, looks, misses] = [false, 0, 0]
  const looking = (async (): Promise<void> => {
    for (let i = 0; i < 10_000 && !isOver; i++) {
      looks++
      if (!(await text(url)).includes('<html')) misses++
      await sleep(10)
    }
  })()
  return async () => {
    isOver = true
    await looking
    return { looks, misses }
  }
}

/** Children of the gateway by what they are; empty where the system does not tell. */
async function pageProcess({ pid }: Gateway): Promise<string[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const each = children.split(' ').filter((child) => child !== '')
  const isPage = await Promise.all(
    each.map((child) => readFile(`/proc/${child}/environ`, 'utf8').then((env) => env.includes('HOLDFAST_STATUS='))),
  )
  return each.filter((_, i) => isPage[i])
}

test('name, colour, components, languages, folder and subscriptions change while the page is read', async () => {
  await using house = await stage()
  await using mail = await MailServer.open()
  const url = `http://127.0.0.1:${await freePort()}`
  const page = { port: Number(new URL(url).port) }
  const config = await house.write({ name: 'First name', url, page })
  await using gateway = await startGateway('--config', config)
  await eventually('the page', async () => (await text(url)).includes('First name'))
  const before = await pageProcess(gateway)
  assert.equal((await fetch(`${url}/subscribe`, { method: 'POST' })).status, 405)

  const stop = keepLooking(url)
  await house.write({
    ...{ name: 'Second name', url, components: [{ name: 'Chat of ours' }] },
    page: { ...page, accent: '#a03050', languages: ['en', 'de'], folder: join(gateway.state, 'elsewhere') },
    subscriptions: { mail: { host: '127.0.0.1', port: mail.port, from: 'status@example.org', security: 'none' } },
  })
  const { code, output } = await house.restart(gateway)
  assert.equal(code, 0, output)
  await eventually('the other name', async () => (await text(url)).includes('Second name'))
  const { looks, misses } = await stop()
  assert.equal(misses, 0, `of ${looks}`)
  const shown = await text(url)
  assert.match(shown, /Chat of ours/)
  assert.match(shown, /<form method="post"/)
  assert.match(await text(`${url}/style.css`), /a03050/i)
  assert.match(await text(`${url}/de/`), /lang="de"/)
  assert.deepEqual(await pageProcess(gateway), before, 'by the same process')
  const body = new URLSearchParams({ email: 'reader@example.org' })
  assert.match(await (await fetch(`${url}/subscribe`, { method: 'POST', body })).text(), /Look into your mail/)
  await eventually('the letter', () => Promise.resolve(mail.letters.length > 0))
  assert.match(mail.letters[0]?.text ?? '', /Second name/)

  const { ways } = JSON.parse(await text(`${gateway.adminUrl}/status/subscriptions`)) as { ways: object[] }
  const counts = { confirmed: 0, unconfirmed: 1, waiting: 0, delivered: 1, failed: 0, givenUp: 0, removed: 0 }
  assert.deepEqual(ways, [{ way: 'email', isOffered: true, ...counts }])
  const metrics = await text(`${gateway.adminUrl}/metrics`)
  assert.match(metrics, /^holdfast_status_subscribers\{way="email",state="unconfirmed"\} 1$/m)
  assert.match(metrics, /^holdfast_status_messages_total\{way="email",outcome="delivered"\} 1$/m)
  assert.match((await holdfast('status', '--state', gateway.state)).output, /^subscribers {2}0 by email$/m)

  await house.write({ name: 'Second name', url, page })
  assert.equal((await house.restart(gateway)).code, 0)
  await eventually('no form', async () => !(await text(url)).includes('<form method="post"'))
  assert.equal((await fetch(`${url}/subscribe`, { method: 'POST', body })).status, 405)
})

test('another port: the page moves there; a logo that cannot be read: everything stays; no page any more', async () => {
  await using house = await stage()
  const [first, second] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`)
  assert.ok(first && second)
  const at = (url: string): number => Number(new URL(url).port)
  await using gateway = await startGateway('--config', await house.write({ name: 'Mover', page: { port: at(first) } }))
  await eventually('the page', async () => (await text(first)).includes('Mover'))

  await house.write({ name: 'Other', page: { port: at(first), logo: '/does/not/exist.png' } })
  const refused = await house.restart(gateway)
  assert.equal(refused.code, 1)
  assert.match(refused.output, /exist\.png/)
  await sleep(1500)
  assert.match(await text(first), /Mover/)

  await house.write({ name: 'Mover', page: { port: at(second) } })
  assert.equal((await house.restart(gateway)).code, 0)
  await eventually('the page at its new place', async () => (await text(second)).includes('Mover'))
  await eventually('nothing at the old one', async () => (await text(first)) === '')

  await house.write({ name: 'Mover' })
  assert.equal((await house.restart(gateway)).code, 0)
  await eventually('no page', async () => (await text(second)) === '')
})
