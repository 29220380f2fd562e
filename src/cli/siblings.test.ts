// Tests of what workers are told of each other: everything once, nothing of themselves, nothing of the dead.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpeedBook } from '../fleet/speed-book.ts'
import { Siblings, type SiblingWord } from './siblings.ts'

function open(book = new SpeedBook()): { siblings: Siblings<string>; told: Record<string, SiblingWord[]> } {
  const told: Record<string, SiblingWord[]> = {}
  const siblings = new Siblings<string>(book, (worker, word) => void (told[worker] ??= []).push(word))
  return { siblings, told }
}

const firstToken = { intercept: 50, slope: 0, count: 9, atMs: 1000 }

test('each hears what the others have in hand, and only when it has changed', () => {
  const { siblings, told } = open()
  for (const name of ['a', 'b', 'c']) siblings.welcome(name)
  siblings.hearCalls('a', { gpu1: 3 })
  siblings.hearCalls('b', { gpu1: 4, gpu2: 1 })
  siblings.share()
  siblings.share()
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => told[name]?.slice(1)),
    [
      [{ event: 'siblings', calls: { gpu1: 4, gpu2: 1 } }],
      [{ event: 'siblings', calls: { gpu1: 3 } }],
      [{ event: 'siblings', calls: { gpu1: 7, gpu2: 1 } }],
    ],
  )
  siblings.forget('b')
  siblings.hearCalls('b', { gpu1: 9 }) // its last word, which came late
  siblings.share()
  assert.deepEqual(told['a']?.at(-1), { event: 'siblings', calls: {} })
  assert.equal(told['b']?.length, 2)
})

test('a new one is told at once what is known and who is at work', () => {
  const { siblings, told } = open()
  siblings.welcome('a')
  siblings.hearCalls('a', { gpu1: 3 })
  siblings.hearSpeeds('a', [{ url: 'http://gpu1', model: 'm', firstToken }], 1000)
  assert.equal(told['a']?.length, 1, 'nothing of its own comes back')
  siblings.welcome('b')
  const [word] = told['b'] ?? []
  assert.deepEqual(word?.calls, { gpu1: 3 })
  assert.deepEqual(
    word?.speeds?.map(({ firstToken: line }) => line),
    [firstToken],
  )
})

test('what one has learnt the others are told once', () => {
  const { siblings, told } = open()
  for (const name of ['a', 'b']) siblings.welcome(name)
  for (let i = 0; i < 3; i++) siblings.hearSpeeds('a', [{ url: 'http://gpu1', model: 'm', firstToken }], 1000)
  assert.equal(told['b']?.length, 2)
})

test('where a good key came to one, the others hear of it, and nobody else', () => {
  const { siblings, told } = open()
  for (const name of ['a', 'b', 'c']) siblings.welcome(name)
  siblings.forget('c')
  siblings.hearWelcomed('a', ['198.51.100.7'])
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => told[name]?.slice(1)),
    [[], [{ event: 'siblings', welcomed: ['198.51.100.7'] }], []],
  )
})
