/** What a vector does not show is seen by the words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeWording, wordingOf } from './wording.ts'

const judge = (one: string, other: string, similarity: number): string =>
  judgeWording(wordingOf(one), wordingOf(other), similarity)

test('words that have changed their places are told from others', () => {
  assert.equal(judge('the dog bit the man', 'the man bit the dog', 0.99), 'reordered')
  assert.equal(judge('how many pounds are a kilo', 'how many kilo are a pounds', 0.99), 'reordered')
  assert.equal(judge('the dog bit the man', 'the dog bit a man', 0.99), 'fine')
})

test('one vector for different words says nothing, for the same ones all', () => {
  assert.equal(judge('reset my password', 'delete my account', 1), 'blind')
  assert.equal(judge('reset my password', 'delete my account', 0.97), 'fine')
  assert.equal(judge('Reset my password!', ' reset  my PASSWORD', 1), 'fine')
  assert.equal(judge('das café', 'das cafe', 1), 'fine')
})
