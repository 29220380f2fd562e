/**
 * Subscribers and what they are yet to be told, in SQLite: a file of their own, for it holds addresses of people. After
 * a power cut the last deliveries may be forgotten, and are then sent again under the same id.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import { SqliteFile } from './sqlite-file.ts'
import { openAnew } from './sqlite-lay-aside.ts'
import type {
  Asked,
  AskLimits,
  Channel,
  Delivery,
  Failure,
  News,
  PublishLimits,
  Subscriber,
  SubscriptionCounts,
  SubscriptionStore,
} from './subscription-store.ts'

export const subscriptionsFileName = 'subscribers.db'

const version = 1
const hourMs = 3_600_000
const busyMs = 2000
/** No message is put off for longer: one that seems to be is from before a clock was set back. */
const dueMsMax = 2 * hourMs
/** Messages that one sweep gives up. */
const sweptMax = 10_000

const schemaSql = `
  CREATE TABLE IF NOT EXISTS made (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS subscriber (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, address TEXT NOT NULL, components TEXT, secret_id TEXT NOT NULL,
    is_confirmed INTEGER NOT NULL, asked_ms INTEGER NOT NULL, failing_since_ms INTEGER, failures INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS subscriber_address ON subscriber (channel, address, is_confirmed);
  CREATE INDEX IF NOT EXISTS subscriber_asked ON subscriber (asked_ms) WHERE is_confirmed = 0;
  CREATE TABLE IF NOT EXISTS alias (
    id TEXT PRIMARY KEY, subscriber TEXT NOT NULL, at_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS alias_subscriber ON alias (subscriber, at_ms);
  CREATE TABLE IF NOT EXISTS question (person TEXT NOT NULL, at_ms INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS question_person ON question (person, at_ms);
  CREATE INDEX IF NOT EXISTS question_at ON question (at_ms);
  CREATE TABLE IF NOT EXISTS news (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, subscriber TEXT NOT NULL, news TEXT NOT NULL, channel TEXT NOT NULL,
    made_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (subscriber, news)
  );
  CREATE INDEX IF NOT EXISTS message_order ON message (subscriber, id);
  CREATE INDEX IF NOT EXISTS message_due ON message (channel, due_ms);
  PRAGMA user_version = ${version}`

/** Earlier ids of one subscriber that are good for its links. */
const aliasesMax = 50

/** Stands for the question in the place of news. */
const question = ''

type Row = Readonly<Record<string, unknown>>

export class SqliteSubscriptions implements SubscriptionStore {
  readonly key: Buffer
  readonly #file: SqliteFile
  #crowdedOut = 0

  /**
   * A damaged file is laid aside, and nobody is subscribed any more: `onDamage` is told.
   * @throws when the file cannot be opened, or is of a later version.
   */
  static open(path: string, clock: Clock, random: Random, onDamage: (cause: unknown) => void): SqliteSubscriptions {
    return openAnew(path, () => new SqliteSubscriptions(path, clock, random), { onLaidAside: onDamage })
  }

  private constructor(path: string, clock: Clock, random: Random) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#file = new SqliteFile(path, clock, 'normal')
    chmodSync(path, 0o600)
    try {
      const made = Buffer.from(Array.from({ length: 32 }, () => random.bits(8)))
      this.key = this.#file.waitFor(busyMs, () => prepare(this.#file, made))
    } catch (cause) {
      this.#file.close()
      throw cause
    }
  }

  ask(asked: Asked, limits: AskLimits): Promise<'asked' | 'full'> {
    return this.#write(() => {
      const { id, channel, address, components, person, askedMs } = asked
      const count = (sql: string, ...values: (string | number)[]): number => this.#count(sql, ...values)
      if (count('SELECT COUNT(*) AS n FROM question WHERE at_ms > ?', askedMs - hourMs) >= limits.perHourMax)
        return 'full'
      const before = 'SELECT COUNT(*) AS n FROM question WHERE person = ? AND at_ms > ?'
      if (count(before, person, askedMs - 24 * hourMs) >= limits.perPersonMax) return 'asked'
      this.#forgetAsked('channel = ? AND address = ?', channel, address)
      if (count('SELECT COUNT(*) AS n FROM subscriber') >= limits.subscribersMax) {
        const oldest = this.#get('SELECT id FROM subscriber WHERE is_confirmed = 0 ORDER BY asked_ms LIMIT 1')
        if (!oldest) return 'full'
        this.#forgetAsked('id = ?', oldest['id'] as string)
      }
      this.#run('INSERT INTO question (person, at_ms) VALUES (?, ?)', person, askedMs)
      this.#run(
        'INSERT INTO subscriber VALUES (?, ?, ?, ?, ?, 0, ?, NULL, 0)',
        ...[id, channel, address, components && JSON.stringify(components), id, askedMs],
      )
      this.#run(
        'INSERT INTO message (subscriber, news, channel, made_ms, due_ms) VALUES (?, ?, ?, ?, ?)',
        ...[id, question, channel, askedMs, askedMs],
      )
      return 'asked'
    })
  }

  confirm(id: string, sinceMs: number): Promise<Subscriber | null> {
    return this.#write(() => {
      const asked = this.#find(id)
      if (!asked || asked.isConfirmed) return asked
      if (asked.askedMs < sinceMs) return null
      this.#run('DELETE FROM message WHERE subscriber = ? AND news = ?', id, question)
      const { channel, address } = asked
      const known = this.#get(
        'SELECT id FROM subscriber WHERE channel = ? AND address = ? AND is_confirmed = 1',
        channel,
        address,
      )
      if (!known) {
        this.#run('UPDATE subscriber SET is_confirmed = 1 WHERE id = ?', id)
        return this.#find(id)
      }
      // The links in what it was sent before go on to hold, and so do those of this request.
      const knownId = known['id'] as string
      this.#forgetAsked('id = ?', id)
      this.#run('INSERT OR REPLACE INTO alias VALUES (?, ?, ?)', id, knownId, asked.askedMs)
      this.#run(
        `DELETE FROM alias WHERE subscriber = ? AND id NOT IN (
          SELECT id FROM alias WHERE subscriber = ? ORDER BY at_ms DESC LIMIT ?)`,
        ...[knownId, knownId, aliasesMax],
      )
      this.#run(
        'UPDATE subscriber SET components = ?, secret_id = ?, failing_since_ms = NULL, failures = 0 WHERE id = ?',
        ...[asked.components && JSON.stringify(asked.components), asked.secretId, knownId],
      )
      return this.#find(knownId)
    })
  }

  get(id: string): Promise<Subscriber | null> {
    return this.#file.patiently(() => this.#find(id))
  }

  remove(id: string): Promise<boolean> {
    return this.#write(() => {
      const found = this.#find(id)?.id ?? id
      this.#run('DELETE FROM message WHERE subscriber = ?', found)
      this.#run('DELETE FROM alias WHERE subscriber = ?', found)
      return this.#run('DELETE FROM subscriber WHERE id = ?', found) > 0
    })
  }

  publish(news: readonly News[], { queueMax, perSubscriberMax }: PublishLimits, nowMs: number): Promise<number> {
    return this.#write(() => {
      let made = 0
      for (const { key, atMs, components, body } of news) {
        if (this.#run('INSERT OR IGNORE INTO news VALUES (?, ?, ?)', key, atMs, body) === 0) continue
        made += this.#run(
          `INSERT OR IGNORE INTO message (subscriber, news, channel, made_ms, due_ms)
          SELECT id, ?, channel, ?, ? FROM subscriber WHERE is_confirmed = 1 AND (
            components IS NULL OR ? = '[]' OR EXISTS (
              SELECT 1 FROM json_each(components) AS chosen WHERE chosen.value IN (SELECT value FROM json_each(?))))`,
          ...[key, nowMs, nowMs, JSON.stringify(components), JSON.stringify(components)],
        )
      }
      if (made > 0) {
        this.#crowdedOut += this.#run(
          `DELETE FROM message WHERE news <> '' AND id IN (
            SELECT id FROM (
              SELECT id, ROW_NUMBER() OVER (PARTITION BY subscriber ORDER BY id DESC) AS place FROM message
              WHERE subscriber IN (SELECT subscriber FROM message GROUP BY subscriber HAVING COUNT(*) > ?))
            WHERE place > ?)`,
          ...[perSubscriberMax, perSubscriberMax],
        )
        this.#crowdedOut += this.#run(
          `DELETE FROM message WHERE news <> '' AND id <= (SELECT id FROM message ORDER BY id DESC LIMIT 1 OFFSET ?)`,
          queueMax,
        )
      }
      return made
    })
  }

  take(channel: Channel, nowMs: number, untilMs: number, countMax: number): Promise<readonly Delivery[]> {
    return this.#write(() => {
      const rows = this.#file
        .sql(
          `SELECT message.id AS message, news, body, made_ms, tries, subscriber.* FROM message
          JOIN subscriber ON subscriber.id = message.subscriber LEFT JOIN news ON news.key = message.news
          WHERE message.channel = ? AND (due_ms <= ? OR due_ms > ?) AND NOT EXISTS (
            SELECT 1 FROM message AS before WHERE before.subscriber = message.subscriber AND before.id < message.id)
          ORDER BY due_ms, message.id LIMIT ?`,
        )
        .all(channel, nowMs, nowMs + dueMsMax, countMax)
      for (const { message } of rows) this.#run('UPDATE message SET due_ms = ? WHERE id = ?', untilMs, Number(message))
      return rows.map(deliveryOf)
    })
  }

  done({ id, subscriber }: Delivery): Promise<void> {
    return this.#write(() => {
      this.#run('DELETE FROM message WHERE id = ?', id)
      this.#run(
        'UPDATE subscriber SET failing_since_ms = NULL, failures = 0 WHERE id = ? AND failures > 0',
        subscriber.id,
      )
    })
  }

  fail({ id, subscriber }: Delivery, { atMs, againMs }: Failure): Promise<void> {
    return this.#write(() => {
      if (againMs === null) this.#run('DELETE FROM message WHERE id = ?', id)
      else this.#run('UPDATE message SET due_ms = ?, tries = tries + 1 WHERE id = ?', againMs, id)
      this.#run(
        'UPDATE subscriber SET failures = failures + 1, failing_since_ms = COALESCE(failing_since_ms, ?) WHERE id = ?',
        ...[atMs, subscriber.id],
      )
    })
  }

  putBack({ id }: Delivery, dueMs: number | null, tries = 0): Promise<void> {
    return this.#write(() => {
      if (dueMs === null) this.#run('DELETE FROM message WHERE id = ?', id)
      else this.#run('UPDATE message SET due_ms = ?, tries = tries + ? WHERE id = ?', dueMs, tries, id)
    })
  }

  sweep({ askedMs, newsMs }: { askedMs: number; newsMs: number }): Promise<void> {
    return this.#write(() => {
      this.#forgetAsked('asked_ms < ?', askedMs)
      this.#run('DELETE FROM question WHERE at_ms < ?', Math.min(askedMs, newsMs))
      this.#run(
        'DELETE FROM message WHERE id IN (SELECT id FROM message WHERE made_ms < ? LIMIT ?)',
        Math.min(askedMs, newsMs),
        sweptMax,
      )
      this.#run(
        'DELETE FROM news WHERE at_ms < ? AND NOT EXISTS (SELECT 1 FROM message WHERE message.news = news.key)',
        newsMs,
      )
    })
  }

  counts(): Promise<SubscriptionCounts> {
    return this.#file.patiently(() => {
      const ways = new Map<Channel, { confirmed: number; unconfirmed: number; waiting: number }>()
      const add = (sql: string, state: (row: Row) => 'confirmed' | 'unconfirmed' | 'waiting'): void => {
        for (const row of this.#file.sql(sql).all()) {
          const channel = row['channel'] as Channel
          const way = ways.get(channel) ?? { confirmed: 0, unconfirmed: 0, waiting: 0 }
          way[state(row)] += Number(row['n'])
          ways.set(channel, way)
        }
      }
      add('SELECT channel, is_confirmed, COUNT(*) AS n FROM subscriber GROUP BY channel, is_confirmed', (row) =>
        row['is_confirmed'] === 1 ? 'confirmed' : 'unconfirmed',
      )
      add('SELECT channel, COUNT(*) AS n FROM message GROUP BY channel', () => 'waiting')
      return { ways, crowdedOut: this.#crowdedOut }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close()
  }

  #write<T>(run: () => T): Promise<T> {
    return this.#file.patiently(() => this.#file.write(run))
  }

  #find(id: string): Subscriber | null {
    const row = this.#get(
      'SELECT * FROM subscriber WHERE id = COALESCE((SELECT subscriber FROM alias WHERE id = ?), ?)',
      ...([id, id] as const),
    )
    return row ? subscriberOf(row) : null
  }

  /** Those that have not confirmed, with the question. `where`: of ours, never of others. */
  #forgetAsked(where: string, ...values: (string | number)[]): void {
    const chosen = `SELECT id FROM subscriber WHERE is_confirmed = 0 AND ${where}`
    this.#run(`DELETE FROM message WHERE subscriber IN (${chosen})`, ...values)
    this.#run(`DELETE FROM subscriber WHERE is_confirmed = 0 AND ${where}`, ...values)
  }

  #get(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#file.sql(sql).get(...values)
  }

  #count(sql: string, ...values: (string | number)[]): number {
    return Number(this.#get(sql, ...values)?.['n'] ?? 0)
  }

  /** How many rows it changed. */
  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#file.sql(sql).run(...values).changes)
  }
}

/** The key: the one there is, or this one. */
function prepare(file: SqliteFile, made: Buffer): Buffer {
  const found = Number(file.database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (found > version)
    throw new Error(`${subscriptionsFileName} is of version ${found}; this Holdfast knows ${version}`)
  return file.write(() => {
    file.database.exec(schemaSql)
    file.sql(`INSERT OR IGNORE INTO made VALUES ('key', ?)`).run(made)
    return Buffer.from(file.sql(`SELECT value FROM made WHERE name = 'key'`).get()?.['value'] as Uint8Array)
  })
}

function subscriberOf(row: Row): Subscriber {
  const components = row['components'] as string | null
  return {
    id: row['id'] as string,
    channel: row['channel'] as Channel,
    address: row['address'] as string,
    components: components === null ? null : (JSON.parse(components) as string[]),
    secretId: row['secret_id'] as string,
    isConfirmed: row['is_confirmed'] === 1,
    askedMs: Number(row['asked_ms']),
    failingSinceMs: row['failing_since_ms'] === null ? null : Number(row['failing_since_ms']),
    failures: Number(row['failures']),
  }
}

function deliveryOf(row: Row): Delivery {
  return {
    id: Number(row['message']),
    subscriber: subscriberOf(row),
    key: row['news'] === question ? null : (row['news'] as string),
    body: (row['body'] as string | null) ?? '',
    madeMs: Number(row['made_ms']),
    tries: Number(row['tries']),
  }
}
