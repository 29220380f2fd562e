/** Puts answers into a store of copies as fast as it can, until it is killed: `node cache-writer.ts FOLDER SEED`. */
import { systemClock } from '../../src/ground/clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { SqliteCache } from '../../src/store/sqlite-cache.ts'
import { bodyOf, storeOptions } from './copies.ts'

const [, , folder = '', seed = '1'] = process.argv
const random = seededRandom(Number(seed))
const store = new SqliteCache(systemClock, storeOptions(folder))
process.stdout.write('begun\n')

for (let i = 0; ; i++) {
  const key = `/${Math.floor(random.unit() * 50)}`
  const version = `${seed}.${i}`
  store.put({ key, variant: '', meta: version, body: bodyOf(key, version), tags: [] })
  if (Math.floor(random.unit() * 10) === 0) store.drop({ key: `/${Math.floor(random.unit() * 50)}` })
  // Files are written meanwhile.
  if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
}
