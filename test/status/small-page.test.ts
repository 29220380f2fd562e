/** The pages behind the links in letters, in a browser without script: read by all, and one button is enough. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { checkAccess, shoot } from '../console/stage.ts'
import { openBrowser } from '../http/chat-app.ts'
import { pathIn, Stage } from './subscription-stage.ts'

let browser: Browser | string = ''
before(async () => void (browser = await openBrowser()))
after(async () => {
  if (typeof browser !== 'string') await browser.close()
})

test('who follows the link of a letter and presses the button is subscribed, and gone the same way', async (t) => {
  if (typeof browser === 'string') return t.skip(browser)
  await using stage = await Stage.open()
  await stage.post('/subscribe', { email: 'a@example.com' })
  await stage.pass()
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 640 } })
  const page = await context.newPage()
  const press = async (path: string, name: string): Promise<void> => {
    await page.goto(stage.url + path)
    await page.getByRole('button', { name }).click()
  }
  const [question] = stage.letters
  assert.ok(question)
  await press(pathIn(question, 'confirm'), 'Confirm')
  assert.equal(await page.getByRole('heading').innerText(), 'Confirmed')
  await stage.tell(1)
  await stage.pass()
  const news = stage.letters[1]
  assert.ok(news)
  await press(pathIn(news, 'unsubscribe'), 'Unsubscribe')
  assert.equal(await page.getByRole('heading').innerText(), 'Unsubscribed')
  await page.goto(`${stage.url}/confirm?token=nonsense`)
  await page.getByRole('button').click()
  assert.equal(await page.getByRole('heading').innerText(), 'This link is not good')
  await shoot(page, 'small-phone-bad-link')
  await context.close()
})

for (const colorScheme of ['light', 'dark'] as const)
  test(`they break no rule of accessibility in ${colorScheme}`, async (t) => {
    if (typeof browser === 'string') return t.skip(browser)
    await using stage = await Stage.open()
    const context = await browser.newContext({ colorScheme, bypassCSP: true })
    const page = await context.newPage()
    for (const path of ['/confirm?token=x', '/unsubscribe?token=x']) {
      await page.goto(stage.url + path)
      await checkAccess(page, `${path}, ${colorScheme}`)
      await shoot(page, `small-${colorScheme}${path.replace(/\W+/g, '-')}`)
    }
    await context.close()
  })
