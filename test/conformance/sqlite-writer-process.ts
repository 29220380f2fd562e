/**
 * A journal's writer in a process of its own. Begins the answers that it is given and appends to them without end, a
 * few events a millisecond: "<answer>.<number>" and blanks. Says on standard output what the journal tells it:
 * `kept <answer> <count>`, `lost <answer> <code>`, and `still` once in a while, so that its silence can be told from
 * its death.
 *
 *     node sqlite-writer-process.ts '{"path": …, "options": …, "node": …, "rays": […]}'
 */
import { writeSync } from 'node:fs'
import type { Ray } from '../../src/fault/ray.ts'
import { systemClock } from '../../src/ground/clock.ts'
import type { JournalOptions } from '../../src/store/journal-options.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'

export interface WriterOrders {
  readonly path: string
  readonly options: JournalOptions
  readonly node: string
  readonly rays: readonly Ray[]
}

/** Nobody forgets to end it. */
const lifeMsMax = 30_000

const { path, options, node, rays } = JSON.parse(process.argv[2] ?? '') as WriterOrders
const say = (...words: unknown[]): void => void writeSync(1, `${words.join(' ')}\n`)
const journal = new SqliteJournal(path, systemClock, options, node)
const entries = rays.map((ray, answer) =>
  journal.begin(
    {
      ...{ ray, route: 'chat', model: 'tiny', caller: '', beganMs: Date.now() },
      ...{ isStream: true, isStored: false, callKey: null },
    },
    Buffer.from(`request ${answer}`),
    {
      onKept: (count) => say('kept', answer, count),
      onLost: ({ code }) => say('lost', answer, code),
      onCancel: () => say('cancel', answer),
    },
  ),
)
let total = 0
setInterval(() => {
  for (const [answer, entry] of entries.entries()) {
    for (let i = 0; i <= answer; i++) entry.append(Buffer.from(`${answer}.${entry.count}${' '.repeat(total++ % 700)}`))
  }
}, 1)
setInterval(() => say('still'), 100)
setTimeout(() => process.exit(3), lifeMsMax)
