/** Curves as text: what stands where. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plot } from './plot.ts'

const draw = (points: readonly (readonly [number, number])[]): string[] =>
  plot([{ name: 'a', mark: 'o', points }], 'title', (x) => `${x}x`).split('\n')

test('the greatest value is at the top, none at the bottom, each above its label', () => {
  const lines = draw([
    [1, 10],
    [2, 0],
  ])
  const top = lines.find((line) => line.trimStart().startsWith('10.0')) ?? ''
  const bottom = lines.find((line) => line.trimStart().startsWith('0.0')) ?? ''
  const labels = lines.at(-2) ?? ''
  assert.equal(top.indexOf('o'), labels.indexOf('1x'))
  assert.equal(bottom.indexOf('o'), labels.indexOf('2x'))
})

test('a curve of nothing is drawn on the ground', () => {
  assert.ok(
    draw([
      [1, 0],
      [2, 0],
    ]).some((line) => /0\.0 ┤.*o.*o$/.test(line)),
  )
})
