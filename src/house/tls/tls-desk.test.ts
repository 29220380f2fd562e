/** What becomes of certificates in files: taken up, kept, refused, and who is told. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Authority, type Made, noOpenssl } from '../../../test/tls/certificates.ts'
import type { TlsMaterial } from '../../edge/tls/tls-material.ts'
import { tlsSchema } from '../../edge/tls/tls-options.ts'
import { ConfigError } from '../../ground/config-error.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import type { Note } from '../../observe/fact.ts'
import type { Log } from '../../observe/log.ts'
import { TlsDesk } from './tls-desk.ts'

const skip = noOpenssl ?? false
const folder = mkdtempSync(join(tmpdir(), 'holdfast-desk-'))
const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
const tls = tlsSchema.parse({ certificates: [{ cert, key }], reloadMs: 1000, ticketMs: 60_000 })
let authority: Authority
let pairs: Made[]

before(() => {
  if (skip) return
  authority = new Authority()
  pairs = [authority.issue('one.example'), authority.issue('two.example', '*.two.example')]
})

after(() => {
  authority?.[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

function put(which: number, keyOf = which): void {
  copyFileSync(pairs[which]?.certPath ?? '', cert)
  copyFileSync(pairs[keyOf]?.keyPath ?? '', key)
}

class Stage implements Disposable {
  readonly clock = new ManualClock()
  readonly facts: Note[] = []
  readonly errors: string[] = []
  readonly told: TlsMaterial[] = []
  readonly desk: TlsDesk

  constructor() {
    const log: Log = {
      ...{ debug: () => {}, info: () => {}, warn: () => {}, call: () => {}, flush: () => {} },
      error: (facts) => void this.errors.push(String((facts as { detail?: string }).detail)),
    }
    const recorder = { note: (note: Note): void => void this.facts.push(note) }
    this.desk = new TlsDesk({ tls, stateDir: folder }, { clock: this.clock, random: seededRandom(1), log, recorder })
    this.desk.onChange = (material) => {
      this.told.push(material)
      return Promise.resolve()
    }
  }

  look(): void {
    this.clock.advance(1000)
  }

  get states(): unknown[] {
    return this.facts.map((fact) => ('state' in fact ? fact.state : null))
  }

  [Symbol.dispose](): void {
    this.desk[Symbol.dispose]()
  }
}

test('a changed certificate is taken up, and told once', { skip }, () => {
  put(0)
  using stage = new Stage()
  assert.deepEqual(stage.desk.material?.certificates[0]?.names, ['one.example'])
  stage.look()
  assert.equal(stage.told.length, 0)
  put(1)
  stage.look()
  stage.look()
  assert.equal(stage.told.length, 1)
  assert.deepEqual(stage.told[0]?.certificates[0]?.names, ['two.example', '*.two.example'])
  assert.deepEqual(stage.states, ['loaded', 'renewed'])
  assert.equal(stage.desk.certificates['two.example']?.trouble, null)
})

test('half of something new is waited for; what stays broken is told once, and the last good is kept', { skip }, () => {
  put(0)
  using stage = new Stage()
  put(1, 0)
  stage.look()
  assert.deepEqual(stage.errors, [], 'the key may be on its way')
  put(1)
  stage.look()
  assert.equal(stage.told.length, 1)
  put(0, 1)
  for (let i = 0; i < 5; i++) stage.look()
  assert.equal(stage.errors.length, 1)
  assert.match(stage.errors[0] ?? '', /the key is not that of the certificate/)
  assert.match(stage.desk.certificates['two.example']?.trouble ?? '', /key/)
  assert.deepEqual(stage.desk.material?.certificates[0]?.names, ['two.example', '*.two.example'])
  writeFileSync(cert, 'not a certificate')
  for (let i = 0; i < 5; i++) stage.look()
  assert.equal(stage.errors.length, 2, 'another trouble')
  rmSync(cert)
  for (let i = 0; i < 5; i++) stage.look()
  assert.match(stage.errors[2] ?? '', /ENOENT/)
  put(0)
  stage.look()
  assert.equal(stage.desk.certificates['one.example']?.trouble, null)
  assert.equal(stage.told.length, 2)
})

test('the key of tickets is replaced; nothing else changes with it', { skip }, () => {
  put(0)
  using stage = new Stage()
  const before = stage.desk.material
  stage.clock.advance(60_000)
  assert.equal(stage.told.length, 1)
  assert.notEqual(stage.told[0]?.ticketKey, before?.ticketKey)
  assert.deepEqual(stage.told[0]?.certificates, before?.certificates)
  assert.equal(Buffer.from(before?.ticketKey ?? '', 'base64').length, 48)
})

test('other settings are taken up, and given back; those that cannot be used change nothing', { skip }, () => {
  put(0)
  using stage = new Stage()
  const [one] = pairs
  const other = tlsSchema.parse({ certificates: [{ cert: one?.certPath, key: one?.keyPath }] })
  const gone = tlsSchema.parse({ certificates: [{ cert: join(folder, 'none.pem'), key }] })
  assert.throws(() => stage.desk.use({ tls: gone, stateDir: folder }), ConfigError)
  assert.equal(stage.told.length, 0)
  const undo = stage.desk.use({ tls: other, stateDir: folder })
  assert.equal(stage.told.length, 1)
  undo()
  assert.equal(stage.told.length, 2)
  put(1)
  stage.look()
  assert.deepEqual(stage.told[2]?.certificates[0]?.names, ['two.example', '*.two.example'], 'the old files are watched')
})
