// Tests of cutting bodies into records and putting them together again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { brokenTail, firstOf, fromRecords, jsonMessages, toRecords } from './records.ts'

const whole = (records: readonly Buffer[], type: string): Buffer =>
  fromRecords(
    records.map((data) => ({ data })),
    type,
  )

test('JSON comes out as the values that went in, an array opened once', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 3), (value, spaces) => {
      const body = Buffer.from(JSON.stringify(value, null, spaces))
      const expected = Array.isArray(value) ? value : [value]
      const records = toRecords(body, 'application/json')
      assert.deepEqual(JSON.parse(whole(records, 'application/json').toString()), JSON.parse(JSON.stringify(expected)))
      const messages = jsonMessages(body).map((message) => JSON.parse(message.toString()) as unknown)
      assert.deepEqual(messages, JSON.parse(JSON.stringify(expected)))
    }),
  )
})

test('many messages become several records, and none is in two', () => {
  const values = Array.from({ length: 1000 }, (_, i) => ({ i, text: 'x'.repeat(900) }))
  const records = toRecords(Buffer.from(JSON.stringify(values)), 'application/json')
  assert.ok(records.length >= 3 && records.every(({ length }) => length <= 2 ** 18))
  for (const record of records) JSON.parse(`[${record.toString()}]`)
  assert.deepEqual(JSON.parse(whole(records, 'application/json').toString()), values)
})

test('text is cut between characters, bytes anywhere, and nothing is lost', () => {
  const text = Buffer.from('é🍵a'.repeat(100_000))
  for (const type of ['text/plain; charset=utf-8', 'application/octet-stream']) {
    const records = toRecords(text, type)
    assert.ok(records.length > 2)
    assert.ok(whole(records, type).equals(text))
  }
  for (const record of toRecords(text, 'text/plain')) assert.ok(!record.toString().includes('\ufffd'))
})

test('the beginning of a record is counted in messages or bytes, and there must be so much', () => {
  const json = (count: number): string | undefined =>
    firstOf(Buffer.from('1,[2,3],"4,5"'), count, 'application/json')?.join()
  assert.deepEqual([json(1), json(2), json(3), json(4)], ['1', '1,[2,3]', '1,[2,3],"4,5"', undefined])
  assert.equal(firstOf(Buffer.from('abc'), 2, 'text/plain')?.join(), 'ab')
  assert.equal(firstOf(Buffer.from('abc'), 4, 'text/plain'), null)
})

test('a character without its end is seen, a whole one is not', () => {
  for (const text of ['a', 'é', '€', '🍵']) {
    const bytes = Buffer.from(`x${text}`)
    assert.equal(brokenTail(bytes, bytes.length), 0, text)
    for (let length = 2; length < bytes.length; length++) assert.equal(brokenTail(bytes, length), length - 1, text)
  }
  assert.equal(brokenTail(Buffer.from([0x80, 0x80, 0x80, 0x80]), 4), 0)
})
