/** The log of a file that is written all the time is moved out by another connection, and stays short. */
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { SqliteCheckpoint } from './sqlite-checkpoint.ts'

const pageBytes = 4096

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE IF NOT EXISTS piece (data BLOB)',
  )
  return database
}

const write = (database: DatabaseSync, pages: number): void =>
  database.exec(`INSERT INTO piece VALUES (zeroblob(${pages * pageBytes}))`)

function inFolder(run: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-wal-'))
  try {
    run(join(folder, 'journal.db'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a log that is written between all looks stays within a few times its largest length', () =>
  inFolder((path) => {
    using checkpoint = new SqliteCheckpoint(path)
    checkpoint.look() // there is no file yet
    const writer = open(path)
    for (let i = 0; i < 200; i++) {
      write(writer, 200)
      checkpoint.look()
    }
    assert.ok(statSync(`${path}-wal`).size < 40 * 2 ** 20, `${statSync(`${path}-wal`).size} bytes`)
    assert.ok(statSync(path).size > 200 * 190 * pageBytes, 'it is in the file itself')
    writer.close()
  }))

test('a little is left in the log: the disk is not asked for each commit', () =>
  inFolder((path) => {
    using checkpoint = new SqliteCheckpoint(path)
    const writer = open(path)
    write(writer, 500)
    const before = statSync(path).size
    checkpoint.look()
    assert.equal(statSync(path).size, before)
    writer.close()
  }))

test('a reader that looks at an old state, and a writer that does not let go, are waited for another time', () =>
  inFolder((path) => {
    using checkpoint = new SqliteCheckpoint(path)
    const writer = open(path)
    const reader = open(path)
    write(writer, 10)
    reader.exec('BEGIN; SELECT count(*) FROM piece')
    write(writer, 7000)
    writer.exec('BEGIN IMMEDIATE')
    checkpoint.look()
    writer.exec('COMMIT')
    reader.exec('COMMIT')
    write(writer, 10)
    checkpoint.look()
    write(writer, 10) // it begins anew
    checkpoint.look()
    assert.ok(statSync(path).size > 7000 * pageBytes)
    assert.equal(writer.prepare('SELECT count(*) AS n FROM piece').get()?.['n'], 4)
    reader.close()
    writer.close()
  }))

test('a file that was replaced by another of its name is looked after like the first', () =>
  inFolder((path) => {
    using checkpoint = new SqliteCheckpoint(path)
    const first = open(path)
    write(first, 2000)
    checkpoint.look()
    first.close()
    for (const end of ['', '-wal', '-shm'])
      if (statSync(path + end, { throwIfNoEntry: false })) renameSync(path + end, `${path}.old${end}`)
    const second = open(path)
    write(second, 2000)
    checkpoint.look()
    assert.ok(statSync(path).size > 2000 * pageBytes)
    second.close()
  }))
