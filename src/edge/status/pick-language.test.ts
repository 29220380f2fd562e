/** Which language a browser gets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pickLanguage } from './pick-language.ts'

const cases: readonly (readonly [string | undefined, string])[] = [
  [undefined, 'en'],
  ['', 'en'],
  ['de', 'de'],
  ['de-AT,de;q=0.9,en;q=0.8', 'de'],
  ['en-GB,en;q=0.9,de;q=0.8', 'en'],
  ['fr,de;q=0.3', 'de'],
  ['fr', 'en'],
  ['de;q=0, *', 'en'],
  ['*;q=0.1, de;q=0.2', 'de'],
  ['den', 'en'],
  ['DE', 'de'],
  ['de;q=nonsense', 'en'],
  [`${'x,'.repeat(10_000)}de`, 'en'],
]

for (const [asked, expected] of cases)
  test(`${asked?.slice(0, 40)} gets ${expected}`, () => assert.equal(pickLanguage(asked, ['en', 'de']), expected))
