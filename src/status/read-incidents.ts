/** All incidents of a log from its beginning: for commands, which find them where the gateway put them. */
import { entriesAfter, type StatusLog } from '../store/status-log.ts'
import { IncidentBook } from './incident-book.ts'
import { readEntry } from './read-entry.ts'

/** @throws when the log cannot be read. */
export function readIncidents(log: Pick<StatusLog, 'read'>): IncidentBook {
  const book = new IncidentBook()
  for (const { text } of entriesAfter(log, 0)) {
    const event = readEntry(text)
    if (event) book.apply(event)
  }
  return book
}
