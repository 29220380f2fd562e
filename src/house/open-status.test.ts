// The desk of incidents when its files and clocks let it down: the public is told all the same, and nothing twice.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { checkConfig, type ConfigInput } from '../config.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { SumFact } from '../observe/fact.ts'
import type { VisitsFact } from '../observe/visit.ts'
import { silentLog } from '../observe/log.ts'
import { SqliteStatusLog } from '../store/sqlite-status-log.ts'
import type { Entry, RecordReader } from '../store/record.ts'
import { StatusDesk } from './open-status.ts'

const lookMs = 5000
const hourMs = 3_600_000

class House implements Disposable {
  readonly stateDir = mkdtempSync(join(tmpdir(), 'holdfast-desk-'))
  readonly path = join(this.stateDir, 'status.db')
  readonly clock = new ManualClock()
  components: ConfigInput['status'] = {}
  #entries: Entry[] = []
  #desk: StatusDesk | null = null

  get desk(): StatusDesk {
    return (this.#desk ??= this.#open())
  }

  reopen(): void {
    this.#desk?.[Symbol.dispose]()
    this.#desk = null
  }

  /** Each look there is a sum of calls: well, or failed. */
  live(looks: number, isWell: boolean): void {
    for (let i = 0; i < looks; i++) {
      this.#note(20, isWell)
      const { desk } = this
      this.clock.advance(lookMs)
      assert.ok(desk)
    }
  }

  /** Each look there are calls that go well, and visits of the site: well, or failed. */
  liveWithSite(looks: number, isWell: boolean): void {
    for (let i = 0; i < looks; i++) {
      this.#note(20, true)
      const atMs = this.clock.nowMs() + lookMs / 2
      const sum = { fromMs: atMs - 2000, route: '/', count: 20, failedCount: isWell ? 0 : 20 }
      const fact = { kind: 'visits', atMs, ...sum } as unknown as VisitsFact
      this.#entries.push({ id: this.#entries.length + 1, fact })
      const { desk } = this
      this.clock.advance(lookMs)
      assert.ok(desk)
    }
  }

  /** In the file of the log, as another program. */
  sql(text: string): void {
    using database = new DatabaseSync(this.path)
    database.exec(text)
  }

  get stages(): string[] {
    return this.desk.view().incidents.map(({ stage }) => stage)
  }

  [Symbol.dispose](): void {
    this.reopen()
    rmSync(this.stateDir, { recursive: true, force: true })
  }

  #open(): StatusDesk {
    const config = checkConfig({
      status: this.components,
      stateDir: this.stateDir,
      upstreams: { a: { url: 'http://127.0.0.1:1/v1' } },
      web: { routes: [{ app: 'http://127.0.0.1:1' }] },
    })
    const record = { recorder: { note: () => {} } as never, read: () => this.#reader() }
    return new StatusDesk(config, { clock: this.clock, log: silentLog, record })
  }

  #note(count: number, isWell: boolean): void {
    const atMs = this.clock.nowMs() + lookMs / 2
    const fact = {
      ...{ kind: 'sum', atMs, fromMs: atMs - 2000, model: 'm', route: 'chat', tier: 'standard', caller: '' },
      ...{ outcome: isWell ? 'complete' : 'failed', code: isWell ? null : 'HF_UPSTREAM_RESET', count, slowCount: 0 },
    } as unknown as SumFact
    this.#entries.push({ id: this.#entries.length + 1, fact })
  }

  /** As the real one: by time, the latest first. */
  #reader(): RecordReader {
    const latest: RecordReader['latest'] = ({ kinds, fromMs = 0, toMs = Infinity }, countMax) => {
      const found = this.#entries
        .filter(({ fact }) => kinds?.includes(fact.kind) && fact.atMs >= fromMs && fact.atMs < toMs)
        .toSorted((a, b) => b.fact.atMs - a.fact.atMs)
      return { entries: found.slice(0, countMax), next: null }
    }
    return { latest, counts: () => [], [Symbol.dispose]: () => {} } as unknown as RecordReader
  }
}

test('while the log cannot be written the public is told, and later it is written once', () => {
  using house = new House()
  house.live(2, true)
  house.sql(`CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
  house.live(5, false)
  assert.deepEqual(house.stages, ['investigating'])
  house.live(8, true)
  assert.deepEqual(house.stages, ['monitoring'])
  house.sql('DROP TRIGGER full')
  house.live(20, true)
  const [before] = house.desk.view().incidents
  assert.equal(before?.stage, 'resolved')
  house.reopen()
  const [after] = house.desk.view().incidents
  assert.deepEqual(after?.updates, before.updates)
  using log = new SqliteStatusLog(house.path)
  assert.equal(log.firstBroken(), null)
  assert.equal(new Set(after?.updates.map(({ text }) => text)).size, after?.updates.length)
})

test('an application that fails is an incident of the component that is of its route, and of no other', () => {
  using house = new House()
  house.components = { components: [{ name: 'Models' }, { name: 'Chat site', site: ['/'] }] }
  house.liveWithSite(3, true)
  house.liveWithSite(5, false)
  const { incidents, components } = house.desk.view()
  assert.deepEqual(
    incidents.map((each) => [each.stage, each.components.map(({ id }) => id)]),
    [['investigating', ['chat-site']]],
  )
  assert.deepEqual(
    components.map(({ name, level }) => [name, level]),
    [
      ['Models', 'operational'],
      ['Chat site', 'major_outage'],
    ],
  )
  house.liveWithSite(30, true)
  assert.deepEqual(house.stages, ['resolved'])
})

test('where no component is of a site, visits are nobody’s', () => {
  using house = new House()
  house.liveWithSite(3, true)
  house.liveWithSite(8, false)
  assert.deepEqual(house.stages, [])
})

test('a log that cannot be opened at the start keeps nobody from starting, and what was under way goes on', () => {
  using house = new House()
  house.live(5, false)
  house.reopen()
  renameSync(house.path, `${house.path}.away`)
  mkdirSync(house.path)
  assert.deepEqual(house.stages, [])
  rmdirSync(house.path)
  renameSync(`${house.path}.away`, house.path)
  house.live(3, false)
  assert.deepEqual(house.stages, ['investigating'])
  house.live(20, true)
  assert.deepEqual(house.stages, ['resolved'])
})

test('a log that is damaged is laid aside; one of a later version is left as it is', () => {
  using house = new House()
  writeFileSync(house.path, 'no database at all, and longer than the head of one would be'.repeat(50))
  house.live(5, false)
  assert.deepEqual(house.stages, ['investigating'])
  assert.ok(existsSync(`${house.path}.damaged`))
  house.reopen()
  house.sql('PRAGMA user_version = 7')
  assert.throws(() => house.desk, /status\.db is of version 7/)
  using database = new DatabaseSync(house.path)
  assert.equal(database.prepare('PRAGMA user_version').get()?.['user_version'], 7)
})

test('a clock that is set back by an hour counts nothing twice: no incident of harm that is long over', () => {
  using house = new House()
  house.live(5, false)
  house.live(90, true)
  assert.deepEqual(house.stages, ['resolved'])
  const before = house.desk.view().incidents
  house.clock.jumpMs(-hourMs / 8)
  house.live(100, true)
  assert.deepEqual(
    house.desk.view().incidents.map(({ id, updates }) => [id, updates.length]),
    before.map(({ id, updates }) => [id, updates.length]),
  )
  house.live(5, false)
  assert.deepEqual(house.stages.toSorted(), ['investigating', 'resolved'])
})

test('an operator’s incident into which a measured one was merged ends: harm that goes on is told anew', () => {
  using house = new House()
  house.live(5, false)
  const [measured] = house.desk.view().incidents
  assert.ok(measured)
  const say = (event: object): void => {
    using log = new SqliteStatusLog(house.path)
    log.append(JSON.stringify({ atMs: house.clock.nowMs(), by: 'ann', ...event }))
  }
  const opened = { title: 'Moving', beganMs: house.clock.nowMs(), stage: 'identified', blame: null, affected: [] }
  say({ kind: 'opened', id: 'own', ...opened, text: '' })
  say({ kind: 'merged', id: measured.id, into: 'own' })
  house.live(3, false)
  assert.deepEqual(house.stages, ['identified'])
  say({ kind: 'updated', id: 'own', stage: 'resolved' })
  house.live(5, false)
  assert.deepEqual(house.stages.toSorted(), ['investigating', 'resolved'])
})
