/**
 * Golden pairs in files: test/cases/dialect/*.txt. A file holds one story in sections that begin with `=== `:
 *
 *     === call chat spoken=messages model=claude
 *     the caller's body
 *     === request messages
 *     what the upstream must get, compared as JSON
 *     === upstream stream                 (or: whole)
 *     what the upstream answers
 *     === caller
 *     what the caller must get; `…` events of a stream byte for byte, a whole answer as JSON
 *     === state
 *     what the relay must know of it, as JSON
 *
 * or, instead of the request, `=== fault` with code and param. With WRITE_CASES=1 the expected sections are written
 * anew from what the code does; read the difference before you believe it.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Route } from '../../src/dialect/call.ts'
import { readCall } from '../../src/dialect/read-call.ts'
import { SseSplitter } from '../../src/dialect/sse-splitter.ts'
import { translate } from '../../src/dialect/translate.ts'
import type { Translation } from '../../src/dialect/translation.ts'
import { Fault } from '../../src/fault/fault.ts'

const folder = new URL('../cases/dialect/', import.meta.url)
const isWriting = process.env['WRITE_CASES'] === '1'
const nowMs = 1_700_000_000_000

interface Section {
  readonly title: string
  text: string
}

function parseSections(file: string): Section[] {
  return file
    .split(/^=== /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n')
      return { title: part.slice(0, end).trim(), text: part.slice(end + 1) }
    })
}

function openTranslation(call: Section): Translation | null {
  const [, route, ...options] = call.title.split(' ')
  const named = Object.fromEntries(options.map((option) => option.split('=') as [string, string]))
  const spoken = new Set((named['spoken'] ?? route ?? '').split(',') as Route[])
  const body = Buffer.from(call.text.trim())
  return translate(readCall(route as Route, body, {}), spoken, named['model'] ?? 'up', { nowMs })
}

/** Plays the stream cut into pieces of `size` bytes. */
function play(translation: Translation, text: string, size: number): { seen: string; state: unknown } {
  const events: string[] = []
  const reader = translation.streamReader((event) => events.push(event.toString()))
  const splitter = new SseSplitter((event) => reader.read(event))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size))
  if (!reader.failure) reader.end()
  const { hasContent, isComplete, isEnded, usage, finishReason, contentCount, malformedCount } = reader
  const failure = reader.failure?.code ?? null
  return {
    seen: events.join(''),
    state: { hasContent, isComplete, isEnded, usage, finishReason, contentCount, malformedCount, failure },
  }
}

/** What the code does, under the titles of the file's expected sections. */
function actual(sections: readonly Section[]): Map<string, unknown> {
  const [call, ...rest] = sections
  assert.ok(call)
  assert.ok(call?.title.startsWith('call '), 'a case begins with its call')
  const found = new Map<string, unknown>()
  let translation: Translation | null
  try {
    translation = openTranslation(call)
  } catch (thrown) {
    assert.ok(thrown instanceof Fault)
    return found.set('fault', { code: thrown.code, param: thrown.param ?? null, detail: thrown.detail })
  }
  if (!translation) return found.set('fault', null)
  found.set(`request ${translation.route}`, JSON.parse(Buffer.concat(translation.body).toString()))
  const upstream = rest.find((section) => section.title.startsWith('upstream '))
  if (upstream?.title === 'upstream stream') {
    const { seen, state } = play(translation, upstream.text, Infinity)
    checkCuts(translation, upstream.text)
    for (const size of [1, 7, 100]) assert.deepEqual(play(translation, upstream.text, size), { seen, state })
    found.set('caller', seen).set('state', state)
  } else if (upstream) {
    try {
      const { body, usage, finishReason } = translation.readWhole(Buffer.from(upstream.text.trim()))
      found.set('caller', JSON.parse(body.toString())).set('state', { usage, finishReason })
    } catch (thrown) {
      assert.ok(thrown instanceof Fault)
      found.set('fault', { code: thrown.code, param: thrown.param ?? null, detail: thrown.detail })
    }
  }
  return found
}

/** Cut after any byte, the caller has a beginning of the answer, and no end that was not there. */
function checkCuts(translation: Translation, text: string): void {
  const bytes = Buffer.from(text)
  const whole: string[] = []
  const full = translation.streamReader((event) => whole.push(event.toString()))
  new SseSplitter((event) => full.read(event)).push(bytes)
  if (!full.failure) full.end()
  for (let end = 0; end < bytes.length; end++) {
    const seen: string[] = []
    const reader = translation.streamReader((event) => seen.push(event.toString()))
    new SseSplitter((event) => reader.read(event)).push(bytes.subarray(0, end))
    const readCount = seen.length
    assert.deepEqual(seen, whole.slice(0, readCount))
    if (reader.isComplete) continue
    reader.end()
    assert.equal(seen.length, readCount, 'an end was told of an answer that is not whole')
  }
}

/** One top-level field a line. */
function spell(value: unknown): string {
  const fields = Object.entries(value ?? {}).map(
    ([name, field]) => `  ${JSON.stringify(name)}: ${JSON.stringify(field)}`,
  )
  return value === null ? 'null\n' : `{\n${fields.join(',\n')}\n}\n`
}

for (const name of readdirSync(folder)
  .filter((file) => file.endsWith('.txt'))
  .sort()) {
  test(name.replace('.txt', '').replaceAll('-', ' '), () => {
    const file = readFileSync(new URL(name, folder), 'utf8')
    const sections = parseSections(file)
    const found = actual(sections)
    if (isWriting) {
      const given = sections.filter(({ title }) => title.startsWith('call ') || title.startsWith('upstream '))
      const told = [...found].map(([title, value]) => ({
        title,
        text: typeof value === 'string' ? value : spell(value),
      }))
      const [call, ...answers] = given
      const order = [call, ...told.slice(0, 1), ...answers, ...told.slice(1)]
      const head = file.slice(0, file.search(/^=== /m))
      writeFileSync(
        new URL(name, folder),
        head + order.map((section) => `=== ${section?.title}\n${section?.text}`).join(''),
      )
      return
    }
    const expected = sections.filter(({ title }) => !title.startsWith('call ') && !title.startsWith('upstream '))
    assert.deepEqual(
      expected.map(({ title }) => title),
      [...found.keys()],
    )
    for (const { title, text } of expected) {
      const value = found.get(title)
      if (typeof value === 'string') assert.equal(value, text)
      else assert.deepEqual(value, JSON.parse(text))
    }
  })
}
