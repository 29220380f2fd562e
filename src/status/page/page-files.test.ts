/** What the pages say, and that nothing that is put into them gets out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  calmView,
  hostile,
  hostileView,
  incident,
  nowMs,
  told,
  troubledView,
  update,
  written,
} from '../../../test/status/page-views.ts'
import type { StatusView } from '../status-view.ts'
import { accents, contrast } from './accent.ts'
import { html } from './html.ts'
import { pageFiles } from './page-files.ts'
import { PageTime } from './page-time.ts'
import { niceTop, thin } from './response-plot.ts'
import { isPagePath } from './snapshot.ts'
import { tidyText } from './tidy-view.ts'
import { type Language, languageTags, wordsOf } from './words/languages.ts'

function pagesOf(view: StatusView, languages: readonly Language[] = ['en']): ReadonlyMap<string, string> {
  const files = pageFiles(view, {
    languages: wordsOf(languages),
    logo: null,
    staleMinutes: 10,
    feeds: [],
    canSubscribe: true,
  })
  return new Map(files.map(({ path, bytes }) => [path, bytes.toString()]))
}

/** As a reader sees it: without tags, white space as one. */
const words = (page: string | undefined): string =>
  (page ?? '')
    .replace(/<head>[^]*<\/head>|<svg[^]*?<\/svg>|<[^>]*>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/\s+/g, ' ')

test('in trouble the page says what, since when, why, until when, and who says so', () => {
  const page = words(pagesOf(troubledView()).get('index.html'))
  assert.match(page, /Partial outage Affected: gpt-oss 120b, Llama 4 Scout\. As of 28 Nov 2026, 18:20 UTC/)
  assert.match(page, /Cause found .*Probably 15 minutes to 3 hours more, most likely about 45 minutes\./)
  assert.match(page, /That is between 18:27 and 21:02 UTC, as estimated at 18:12\./)
  assert.match(page, /Began 28 Nov 2026, 17:38 UTC .*Going on for 42 minutes .*Cause the network .*1,834 of 6,120/)
  assert.match(page, /Written by Mara \(operations\) Corrected: show the earlier text .*a broken cable/)
  assert.match(page, /Written automatically, from measurements/)
  assert.match(page, /New driver for the reranking servers Under way 28 Nov 2026, 18:00 – 19:00 UTC/)
})

test('figures say what they count', () => {
  const page = words(pagesOf(calmView()).get('index.html'))
  assert.match(page, /Calls answered well 99\.\d+ % \([\d,]+ of [\d,]+ calls failed or were slow\)/)
  assert.match(page, /Minutes without an outage 99\.\d+ % of those that were watched, over 90 days/)
  assert.match(page, /What is counted Calls answered well: of all calls that came/)
})

test('only all is 100 %', () => {
  const time = new PageTime('en-GB', 'UTC')
  const shares = [1, 0.999999, 0.99995, 0.9994, 0.5, 0, null, Number.NaN].map((share) => time.share(share))
  assert.deepEqual(shares, ['100 %', '99.999 %', '99.995 %', '99.94 %', '50.00 %', '0.00 %', '–', '–'])
})

test('an estimate that has run out is not repeated', () => {
  const view = { ...troubledView(), updatedMs: nowMs + 4 * 3600_000 }
  const page = words(pagesOf(view).get('index.html'))
  assert.match(page, /This takes longer than we expected/)
  assert.doesNotMatch(page, /most likely/)
})

test('where nothing honest can be said, no numbers are shown', () => {
  const pages = pagesOf({ ...troubledView(), incidents: [incident({ eta: null })] }, ['en', 'de'])
  assert.match(words(pages.get('index.html')), /Expected end How long it will last cannot be said honestly yet\. Began/)
  assert.doesNotMatch(words(pages.get('index.html')), /18:27/)
  assert.match(
    words(pages.get('de/index.html')),
    /Wie lange es noch dauert, lässt sich noch nicht ehrlich sagen\. Beginn/,
  )
})

test('every incident has a page of its own, and its month', () => {
  const pages = pagesOf(troubledView())
  assert.match(
    words(pages.get('incidents/inc-50.html')),
    /Embeddings: most calls fail Resolved Critical impact .*Lasted/,
  )
  assert.match(words(pages.get('history.html')), /November 2026 .*gpt-oss 120b .*Embeddings: most calls fail/)
  assert.match(words(pages.get('history/2026-10.html')), /Qwen 3 Coder: some calls fail/)
  assert.doesNotMatch(words(pages.get('history/2026-10.html')), /Embeddings: most calls fail/)
})

test('in German all of our words are German, and links stay in German', () => {
  const pages = pagesOf(troubledView(), ['en', 'de'])
  const page = pages.get('de/index.html') ?? ''
  assert.match(page, /<html lang="de"/)
  assert.match(words(page), /Teilausfall Betroffen: .* Stand 28\. Nov\. 2026, 18:20 UTC/)
  assert.match(words(page), /Wahrscheinlich noch 15 Minuten bis 3 Stunden, am ehesten etwa 45 Minuten\./)
  assert.match(words(page), /Das ist zwischen 18:27 und 21:02 UTC, geschätzt um 18:12\./)
  assert.match(page, /href="incidents\/inc-7f3a\.html"/)
  assert.match(page, /href="\.\.\/style\.css"/)
  assert.match(page, /href="\.\.\/index\.html" lang="en"/)
})

test('what was written from facts is said in the language of the page, what people wrote as they wrote it', () => {
  const pages = pagesOf(troubledView(), ['en', 'de'])
  const german = words(pages.get('de/index.html'))
  assert.match(german, /gpt-oss 120b und Llama 4 Scout: manche Anfragen schlagen fehl/)
  assert.match(german, /Etwa 35 % der Anfragen an gpt-oss 120b schlagen fehl oder sind langsam\./)
  assert.match(german, /Die Störung begann um 17:38 UTC\. Wir suchen die Ursache\./)
  assert.match(german, /Im Netz auf dem Weg zu den Modellservern gibt es eine Störung\./)
  assert.match(german, /Our provider has confirmed a fault/)
  assert.match(
    words(pages.get('de/incidents/inc-50.html')),
    /Embeddings: die meisten .*vorbei\. Sie dauerte 73 Minuten\. 412 von 5\.120 Anfragen waren betroffen\./,
  )
  const english = words(pages.get('index.html'))
  assert.match(english, /About 35 % of the calls to gpt-oss 120b fail or are slow\. It began at 17:38 UTC\. We are/)
})

test('a text without facts, of an old log, is marked as what it is', () => {
  const old = incident({ updates: [update(1)] })
  const pages = pagesOf({ ...troubledView(), incidents: [old] }, ['en', 'de'])
  assert.match(pages.get('de/index.html') ?? '', /dir="auto" lang="en">Some calls fail\./)
})

test('an automatic text that an operator corrected stays as the operator wrote it, the one before is translated', () => {
  const { told: facts, ...first } = written(1, told())
  const before = { atMs: nowMs, by: 'Mara', text: first.text, ...(facts && { told: facts }) }
  const corrected = incident({ updates: [{ ...first, text: 'Only Llama is affected.', corrected: [before] }] })
  const page = words(pagesOf({ ...troubledView(), incidents: [corrected] }, ['en', 'de']).get('de/index.html'))
  assert.match(page, /Only Llama is affected\. .*Ersetzt von Mara, .*: Etwa 35 % der Anfragen/)
})

test('every link of every page leads to a page, in any folder', () => {
  const pages = pagesOf(troubledView(), ['de', 'en'])
  const known = new Set([...pages.keys(), 'style.css', 'live.js'])
  for (const [path, text] of pages) {
    if (!path.endsWith('.html') || path.endsWith('404.html')) continue
    for (const [, to = ''] of text.matchAll(/(?:href|src)="([^"#]+)"/g)) {
      const target = new URL(to, `http://page/${path}`).pathname.slice(1)
      assert.ok(known.has(target), `${path} leads to ${target}`)
      assert.ok(!to.startsWith('/'), `${path}: ${to} holds at the root only`)
    }
  }
})

test('letters are asked for by a form, which goes to where the page is', () => {
  const view = troubledView(2)
  const at = (url: string): string =>
    pagesOf({ ...view, page: { ...view.page, url } }, ['en', 'de']).get('de/index.html') ?? ''
  assert.match(at(''), /<form method="post" action="\.\.\/subscribe">/)
  assert.match(at('https://x.org/s/'), /action="https:\/\/x\.org\/s\/subscribe">/)
  assert.match(at('https://x.org/s/'), /form-action 'self' https:\/\/x\.org"/)
  assert.match(at('javascript:alert(1)'), /action="\.\.\/subscribe"/)
  assert.match(at(''), /name="component_ids" value="component-2"/)
})

test('a page that is shown at any address finds its way from the root', () => {
  const view = troubledView()
  const at = (url: string): string => pagesOf({ ...view, page: { ...view.page, url } }).get('404.html') ?? ''
  assert.match(at(''), /href="\/style\.css"/)
  assert.match(at('https://example.org/status'), /href="\/status\/style\.css"[^]*href="\/status\/index\.html"/)
})

test('the first page with 20 components in trouble is under 60 kB', (t) => {
  for (const language of languageTags) {
    const bytes = Buffer.byteLength(pagesOf(troubledView(20), [language]).get('index.html') ?? '')
    t.diagnostic(`${language}: ${bytes} bytes`)
    assert.ok(bytes > 20_000 && bytes < 60_000, `${bytes} bytes`)
  }
})

test('hostile texts stay texts', () => {
  const pages = pagesOf(hostileView(), ['en', 'de'])
  const own = /^<(?:script src="(?:(?:\.\.\/)*|\/)live\.js" defer|style)/
  for (const [path, text] of pages) {
    if (!path.endsWith('.html')) continue
    assert.ok(isPagePath(path), path)
    const tags = [...text.matchAll(/<(?:script|style|img|iframe|link rel="import)[^>]*/gi)].map(([tag]) => tag)
    assert.deepEqual(
      tags.filter((tag) => !own.test(tag)),
      [],
      path,
    )
    assert.equal(text.match(/<body>/g)?.length, 1)
    assert.doesNotMatch(text, / on\w+=(?!&)['"]?globalThis/, path)
    assert.doesNotMatch(text, /[\0-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]/, path)
    assert.ok(text.isWellFormed(), path)
    assert.doesNotMatch(words(text), /NaN|Infinity|undefined|Invalid/, path)
    assert.ok(text.length < 500_000, `${path}: ${text.length}`)
  }
})

test('whatever is put into a template comes out as text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { text: made } = html`<p title="${text}">${[text, html`<b>${text}</b>`]}</p>`
      assert.equal(made.match(/</g)?.length, 4)
      assert.equal(made.match(/"/g)?.length, 2)
    }),
  )
})

test('a tidy text is bounded, well-formed, and the same when it is tidied again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 1, max: 100 }), (text, max) => {
      const tidy = tidyText(text, max)
      assert.ok([...tidy].length <= max + 1)
      assert.ok(tidy.isWellFormed())
      assert.equal(tidyText(tidy, max + 1), tidy)
    }),
  )
  assert.equal(
    tidyText('\u{1F468}\u200D\u{1F469}\u200D\u{1F467} \u05D0', 100),
    '\u{1F468}\u200D\u{1F469}\u200D\u{1F467} \u05D0',
  )
  assert.ok([...tidyText(hostile.pile, 100)].length < 12)
})

test('a page is made of any view of the type', () => {
  const any = fc.record({
    ms: fc.oneof(fc.double(), fc.integer(), fc.constant(nowMs)),
    text: fc.string({ unit: 'binary', maxLength: 50 }),
    share: fc.option(fc.double()),
  })
  fc.assert(
    fc.property(any, ({ ms, text, share }) => {
      const view = troubledView(2)
      const pages = pagesOf({
        ...view,
        updatedMs: ms,
        page: { ...view.page, name: text, url: text, timeZone: text },
        components: view.components.map((each) => ({ ...each, days: [], goodShare: share, uptimeShare: share })),
        incidents: [incident({ title: text, beganMs: ms, updates: [update(1, { atMs: ms, text })] })],
        maintenances: [],
        responseTimes: [
          { atMs: 0, medianMs: ms, p95Ms: ms },
          { atMs: 1000, medianMs: 1, p95Ms: 2 },
        ],
      })
      assert.ok((pages.get('index.html')?.length ?? 0) > 2000)
      assert.ok(pages.size < 15)
    }),
    { numRuns: 60 },
  )
})

test('an accent can be read on either ground, and stays itself where it can', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffff }), (value) => {
      const { light, dark } = accents(`#${value.toString(16).padStart(6, '0')}`)
      assert.ok(contrast(light, '#ffffff') >= 4.5 && contrast(dark, '#1a2029') >= 4.5, `${light} ${dark}`)
    }),
  )
  assert.equal(accents('#003366').light, '#003366')
  assert.equal(accents('#ffee88').dark, '#ffee88')
})

test('a curve is thinned without losing its peaks', () => {
  const points = Array.from({ length: 1000 }, (_, i) => ({ atMs: i, medianMs: 1, p95Ms: i === 777 ? 99 : 2 }))
  const thinned = thin(points, 50)
  assert.equal(thinned.length, 50)
  assert.equal(Math.max(...thinned.map(({ p95Ms }) => p95Ms)), 99)
  assert.deepEqual([1, 3, 900, 1001, 4100, 8001].map(niceTop), [1, 4, 1000, 2000, 5000, 10_000])
})

test('the page of an incident that is over stays as it is while figures go on', () => {
  const view = troubledView()
  const over = view.incidents.filter(({ stage }) => stage === 'resolved').map(({ id }) => `incidents/${id}.html`)
  const [now, later] = [0, 30_000].map((ms) => pagesOf({ ...view, updatedMs: view.updatedMs + ms }))
  assert.ok(over.length > 0)
  for (const path of over) assert.equal(now?.get(path), later?.get(path), path)
  assert.notEqual(now?.get('index.html'), later?.get('index.html'))
})
