// What form of an answer a reader gets, by what it says that it takes.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { preferred } from './accept.ts'

const offered = ['application/problem+json', 'text/html', 'application/json', 'text/markdown']

test('readers get what they like best', () => {
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
  for (const [accept, type] of [
    [browser, 'text/html'],
    ['*/*', 'application/problem+json'],
    ['', 'application/problem+json'],
    ['application/json', 'application/json'],
    ['text/markdown, text/html;q=0.9, */*;q=0.1', 'text/markdown'],
    ['text/html;q=0.5, application/json', 'application/json'],
    ['text/html, text/markdown', 'text/html'],
    ['text/*', 'text/html'],
    ['text/html;q=0, */*', 'application/problem+json'],
    ['image/png', 'application/problem+json'],
    ['TEXT/HTML ; Q=1', 'text/html'],
  ] as const)
    equal(preferred(accept, offered), type, accept)
})

test('whatever a reader writes, one of the offered comes back', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (accept) => offered.includes(preferred(accept, offered))))
})
