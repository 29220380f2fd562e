// Tests of the file of speeds: what was kept is there at the next start, and no file can hinder one.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SpeedBook } from '../fleet/speed-book.ts'
import type { Log } from '../observe/log.ts'
import { SpeedFile } from './speed-file.ts'

const nowMs = Date.UTC(2026, 0, 1)

function withFolder(run: (folder: string, log: Log, lines: string[]) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-speeds-'))
  const lines: string[] = []
  const note = (_: object, text: string): void => void lines.push(text)
  const log: Log = { debug: () => {}, info: note, warn: note, error: note, call: () => {}, flush: () => {} }
  try {
    run(folder, log, lines)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('what was kept is read at the next start, and nothing else is left in the folder', () => {
  withFolder((folder, log, lines) => {
    const book = new SpeedFile(folder, log).read(nowMs)
    const firstToken = { intercept: 50, slope: 0.1, count: 9, atMs: nowMs }
    book.add([{ url: 'http://gpu1/v1', model: 'm', firstToken }], nowMs)
    new SpeedFile(folder, log).keep(book)
    assert.deepEqual(readdirSync(folder), ['speeds.json'])
    assert.equal(new SpeedFile(folder, log).read(nowMs).toString(), book.toString())
    assert.deepEqual(lines, [])
  })
})

test('a file that cannot be read is said once, and replaced', () => {
  withFolder((folder, log, lines) => {
    writeFileSync(join(folder, 'speeds.json'), '{"entries":[{"url')
    const file = new SpeedFile(folder, log)
    assert.deepEqual(file.read(nowMs).entries, [])
    assert.equal(lines.length, 1)
    file.keep(new SpeedBook())
    assert.deepEqual(new SpeedFile(folder, log).read(nowMs).entries, [])
    assert.equal(lines.length, 1)
  })
})

test('a folder that is gone costs the memory and nothing else', () => {
  withFolder((folder, log, lines) => {
    const file = new SpeedFile(join(folder, 'nowhere'), log)
    file.keep(file.read(nowMs))
    assert.deepEqual(lines, [])
  })
})
