/** Incidents in the console: there within seconds, with what an operator can say, and gone when they are over. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type Gateway, holdfast, startGateway } from '../crash/gateway.ts'
import { openBrowser } from '../http/chat-app.ts'
import { checkAccess, openPage, shoot, views } from './stage.ts'

const pageMs = 20_000
const statusUrl = 'https://status.example.org'

let browser: Browser | string
let gateway: Gateway
let folder: string

before(async () => {
  browser = await openBrowser()
  if (typeof browser === 'string') return
  folder = await mkdtemp(join(tmpdir(), 'holdfast-console-incidents-'))
  const config = join(folder, 'holdfast.json')
  const listeners = [{ host: '127.0.0.1', port: 0 }]
  const upstreams = { gone: { url: 'http://127.0.0.1:9/v1', models: ['llama'] } }
  const status = { url: statusUrl, components: [{ name: 'Chat' }, { name: 'Embeddings', routes: ['embeddings'] }] }
  const base = { listeners, admin: { port: 0 }, workers: 1, log: { level: 'error' } }
  await writeFile(config, JSON.stringify({ ...base, upstreams, status }))
  gateway = await startGateway('--config', config)
})
after(async () => {
  if (typeof browser === 'string') return
  await gateway[Symbol.asyncDispose]()
  await browser.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

async function say(...words: string[]): Promise<string> {
  const { code, output } = await holdfast('incident', ...words, '--state', gateway.state, '--by', 'ada')
  assert.equal(code, 0, output)
  return output.trim()
}

test('an incident comes, is said more of, and goes, while somebody looks', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  const { page, complaints } = await openPage(browser, gateway, 'light')
  await page.locator('.verdict').waitFor({ timeout: pageMs })
  assert.equal(await page.locator('.incident').count(), 0)
  const hostile = 'Chat fails <img src=x onerror=alert(1)>'
  const id = await say('add', '--title', hostile, '--text', 'We look into it.', '--component', 'chat')
  const card = page.locator('.incident', { hasText: hostile })
  await card.waitFor({ timeout: pageMs })
  assert.match(await card.innerText(), /investigating[^]*Chat partly out[^]*We look into it\. ada/)
  assert.equal(await page.locator('.incident img').count(), 0)
  assert.equal(
    await card.getByRole('link', { name: 'public page' }).getAttribute('href'),
    `${statusUrl}/incidents/${id}`,
  )

  await say('update', id, '--stage', 'identified', '--text', 'A cable is cut.')
  await card.getByText('A cable is cut.').waitFor({ timeout: pageMs })
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await card.getByText('Say more, merge, silence').click()
  await card.getByRole('button', { name: 'Copy: Take it from the public page' }).click()
  await card.getByText('copied').waitFor({ timeout: pageMs })
  const command = await page.evaluate<string>('navigator.clipboard.readText()')
  assert.equal(command, `holdfast incident silence ${id} --state '${gateway.state}'`)
  assert.match(
    (await holdfast('top', '--once', '--state', gateway.state)).output,
    /▲ Incident: Chat fails .*identified/,
  )
  assert.match((await holdfast('status', '--state', gateway.state)).output, /^incident +Chat fails .*identified/m)

  const words = command.split(' ').slice(1, -2)
  assert.equal((await holdfast(...words, '--state', gateway.state)).code, 0, 'what was copied works')
  await card.getByText('silenced', { exact: true }).waitFor({ timeout: pageMs })
  assert.equal(await card.getByRole('link', { name: 'public page' }).count(), 0)
  await say('update', id, '--stage', 'resolved', '--text', 'Over.')
  await card.waitFor({ state: 'detached', timeout: pageMs })
  assert.deepEqual(complaints, [])
})

for (const view of ['light', 'dark', 'phone'] as const) {
  test(`incidents are accessible and fit: ${view}`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    const ids = [
      await say('add', '--title', 'Chat: most calls fail', '--component', 'chat', '--level', 'major_outage'),
      await say(
        'add',
        '--title',
        'Embeddings are slow',
        '--component',
        'embeddings',
        '--level',
        'degraded_performance',
      ),
    ]
    await say('update', ids[0] ?? '', '--stage', 'identified', '--text', 'The network between two sites is cut.')
    await say('postpone', ids[1] ?? '', '--minutes', '10')
    const { page, complaints } = await openPage(browser, gateway, view)
    await page.locator('.incident').nth(1).waitFor({ timeout: pageMs })
    await page.getByText('The network between two sites is cut.').waitFor({ timeout: pageMs })
    await page.getByText(/^postponed until/).waitFor({ timeout: pageMs })
    await page.locator('.incident summary').first().click()
    await page.getByText(`merge ${ids[0]} ${ids[1]}`).waitFor({ timeout: pageMs })
    await checkAccess(page, `incidents, ${view}`)
    const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
    assert.ok(width <= views[view].width, `${width} pixels wide`)
    await shoot(page, `${view}-incidents`)
    for (const id of ids) await say('update', id, '--stage', 'resolved', '--text', 'Over.')
    await page.locator('.incident').first().waitFor({ state: 'detached', timeout: pageMs })
    assert.deepEqual(complaints, [])
  })
}
