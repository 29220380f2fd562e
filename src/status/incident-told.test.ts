// What is told of one incident while it goes on: its share from the first harm on, and nothing twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Seen } from './case-file.ts'
import type { Tally } from './harm-meter.ts'
import type { Affected } from './incident.ts'
import { IncidentBook } from './incident-book.ts'
import type { IncidentEvent, Opened } from './incident-event.ts'
import { IncidentWatch } from './incident-watch.ts'
import { titleIn, titleOf, updateText } from './incident-words.ts'
import { wordsOf } from './page/words/languages.ts'
import { entryText, readEntry } from './read-entry.ts'
import { toldOf } from './told.ts'

const lookMs = 5000
const seen: Seen = {
  ...{ cause: 'server-crash', class: 'application', subject: 'a', component: 'chat', confidence: 0.9 },
  atMs: 0,
}

function open() {
  const watch = new IncidentWatch(
    () => 'one',
    (id) => id,
  )
  let nowMs = 0
  return (tally: Tally) => {
    nowMs += lookMs
    return watch.look({
      nowMs,
      tallies: new Map([['chat', tally]]),
      seen: tally.failed > 0 ? [1, 2].map(() => ({ ...seen, atMs: nowMs })) : [],
    })
  }
}

test('calls that went well before the harm do not make it look smaller', () => {
  const look = open()
  look({ total: 500, failed: 0, slow: 0 })
  const [opened] = look({ total: 500, failed: 50, slow: 0, wellBefore: 450 })
  assert(opened?.kind === 'opened')
  assert.deepEqual(
    opened.affected.map(({ total, bad }) => [total, bad]),
    [[50, 50]],
  )
  assert.match(opened.text, /^Nearly all calls to chat fail/)
})

test('it gets worse: its level is kept, the same words are not told again', () => {
  const look = open()
  look({ total: 500, failed: 0, slow: 0 })
  const [opened] = look({ total: 100, failed: 50, slow: 0, wellBefore: 50 })
  assert.equal(opened?.kind === 'opened' && opened.affected[0]?.worst, 'degraded_performance')
  const later = [1, 2, 3].flatMap(() => look({ total: 100, failed: 100, slow: 0 }))
  assert(later.length > 0)
  assert.deepEqual(
    later.map((event) => event.kind === 'updated' && event.text),
    later.map(() => undefined),
  )
  const last = later.at(-1)
  assert.equal(last?.kind === 'updated' && last.affected?.[0]?.worst, 'major_outage')
})

test('however long names are, what is told can be read back', () => {
  const names = [1, 2, 3, 4].map((number) => `${number}`.padEnd(250, '\u{1F600}'))
  for (let count = 1; count <= 4; count++) {
    const affected = names
      .slice(0, count)
      .map(
        (component) => ({ component, level: 'major_outage', worst: 'degraded_performance', total: 9, bad: 9 }) as const,
      )
    const told = toldOf({ stage: 'investigating', beganMs: 1, atMs: 1, isBack: false, blame: null, affected })
    const title = titleOf(told)
    const base = { kind: 'opened', id: 'a', atMs: 1, by: 'holdfast', beganMs: 1, blame: null } as const
    assert.ok(readEntry(entryText({ ...base, stage: 'investigating', title, affected, text: '' })), title)
    assert.match(title, /: slower than usual, or some calls fail$/)
  }
})

/** What the log keeps of it. */
const kept = (event: IncidentEvent | undefined): IncidentEvent => {
  assert(event)
  return readEntry(entryText(event)) ?? assert.fail('not readable')
}

test('the facts of a text are kept in the log, and say the same again in any language', () => {
  const look = open()
  const opened = kept(look({ total: 100, failed: 60, slow: 0 })[0])
  const [incident] = new IncidentBook([opened]).all
  const [update] = incident?.updates ?? []
  assert(incident?.told && update?.told)
  assert.equal(titleOf(incident.told), incident.title)
  assert.equal(updateText(update.told), update.text)
  const [german] = wordsOf(['de'])
  assert(german)
  assert.equal(titleIn(german, incident.told), 'chat: die meisten Anfragen schlagen fehl')
})

test('a log without facts is read, and so is an incident of many components with long names', () => {
  const { told: _, ...old } = kept(open()({ total: 100, failed: 60, slow: 0 })[0]) as Opened
  const [incident] = new IncidentBook([kept(old)]).all
  assert.equal(incident?.title, old.title)
  assert.equal(incident?.told, undefined)
  const level = 'major_outage'
  for (const count of [1, 4, 90]) {
    const affected = Array.from({ length: count }, (_, i): Affected => {
      return { component: `${i}-${'\u{1F600}'.repeat(200)}`, level, worst: level, total: 9, bad: 9 }
    })
    const told = toldOf({ stage: 'investigating', beganMs: 0, atMs: 1, blame: null, isBack: false, affected })
    const many = kept({ ...old, affected, told, title: titleOf(told), text: updateText(told) })
    assert(many.kind === 'opened' && many.told)
    assert.match(many.title, /^0-.*: most calls fail$/)
  }
})

test('facts that cannot be read are done without', () => {
  const event = open()({ total: 100, failed: 60, slow: 0 })[0] as Opened
  const later = readEntry(JSON.stringify({ ...event, told: { ...event.told, stage: 'other', more: [] } }))
  const [incident] = new IncidentBook(later ? [later] : []).all
  assert.equal(incident?.title, event.title)
  assert.equal(incident?.told, undefined)
})

test('a title that an operator gave stays when more is measured; the texts go on', () => {
  const look = open()
  const opened = kept(look({ total: 100, failed: 60, slow: 0 })[0])
  const by = 'Mara'
  const given = kept({ kind: 'updated', id: 'one', atMs: 1, by, title: 'Chat in Frankfurt fails' })
  const later = Array.from({ length: 12 })
    .flatMap(() => look({ total: 100, failed: 0, slow: 0 }))
    .map(kept)
  const [incident] = new IncidentBook([opened, given, ...later]).all
  assert.equal(incident?.title, 'Chat in Frankfurt fails')
  assert.equal(incident?.told, undefined)
  assert.match(incident?.updates.at(-1)?.text ?? '', /answered again/)
})
