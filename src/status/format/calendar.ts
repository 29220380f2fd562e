/**
 * Maintenance as iCalendar (RFC 5545, 7986). All times are in UTC, so that no change of clocks can shift one; the
 * calendar of each reader shows them in its own zone.
 */
import type { MaintenanceView, StatusView } from '../status-view.ts'
import { wellFormed } from './markup.ts'
import { isoOf, linkOf, momentOf } from './view-words.ts'

/** Longer lines are folded; in bytes, without the line end. */
const lineBytesMax = 75

const states: Readonly<Record<MaintenanceView['stage'], string>> = {
  scheduled: 'CONFIRMED',
  in_progress: 'CONFIRMED',
  completed: 'CONFIRMED',
  cancelled: 'CANCELLED',
}

export function maintenanceCalendar(view: StatusView): string {
  const name = `${view.page.name}: maintenance`
  const lines = [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//Holdfast//Status page//EN',
    'CALSCALE:GREGORIAN',
    'METHOD:PUBLISH',
    `NAME:${valueOf(name)}`,
    `X-WR-CALNAME:${valueOf(name)}`,
    'REFRESH-INTERVAL;VALUE=DURATION:PT1H',
    'X-PUBLISHED-TTL:PT1H',
    ...view.maintenances.flatMap((maintenance) => eventOf(view, maintenance)),
    'END:VCALENDAR',
  ]
  return lines.map((line) => `${fold(line)}\r\n`).join('')
}

function eventOf({ page }: StatusView, maintenance: MaintenanceView): string[] {
  const { id, title, text, stage, fromMs, toMs, announcedMs, updatedMs, components } = maintenance
  const link = linkOf(page, id)
  return [
    'BEGIN:VEVENT',
    `UID:${valueOf(`${id}@${page.id}`)}`,
    // Grows with every change, as readers want it to.
    `SEQUENCE:${Math.max(0, Math.floor((momentOf(updatedMs) - momentOf(announcedMs)) / 1000))}`,
    `DTSTAMP:${timeOf(updatedMs)}`,
    `CREATED:${timeOf(announcedMs)}`,
    `LAST-MODIFIED:${timeOf(updatedMs)}`,
    `DTSTART:${timeOf(fromMs)}`,
    `DTEND:${timeOf(Math.max(toMs, fromMs + 1000))}`,
    `SUMMARY:${valueOf(title)}`,
    `DESCRIPTION:${valueOf(text)}`,
    `STATUS:${states[stage]}`,
    'TRANSP:TRANSPARENT',
    ...(components.length === 0 ? [] : [`CATEGORIES:${components.map(({ name }) => valueOf(name)).join(',')}`]),
    ...(link === '' ? [] : [`URL:${link.replace(/\s/g, '')}`]),
    'END:VEVENT',
  ]
}

/** `20261128T120000Z`. */
function timeOf(ms: number): string {
  return `${isoOf(ms).slice(0, 19).replace(/[-:]/g, '')}Z`
}

/** A text between `:` and the end of the line, with nothing in it that could end it. */
function valueOf(text: string): string {
  return wellFormed(text)
    .replace(/[\u0085\u2028\u2029]/g, '\n')
    .replaceAll('\u007f', '')
    .replace(/[\\;,]/g, (sign) => `\\${sign}`)
    .replaceAll('\n', String.raw`\n`)
}

/** In pieces of at most 75 bytes that cut no letter. */
function fold(line: string): string {
  if (Buffer.byteLength(line) <= lineBytesMax) return line
  let folded = ''
  let bytes = 0
  for (const letter of line) {
    const size = Buffer.byteLength(letter)
    if (bytes + size > lineBytesMax) {
      folded += '\r\n '
      bytes = 1
    }
    folded += letter
    bytes += size
  }
  return folded
}
