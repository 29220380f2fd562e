/** `holdfast reload`: a running gateway takes up its changed configuration, or says what would change. */
import { printable } from '../observe/fact-words.ts'
import { readPidFile } from './restart.ts'
import type { Reloaded } from './reloader.ts'

export interface ReloadOptions {
  readonly state?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** @throws {Error} in words that name the cure. */
export async function reload({ state = '.holdfast', dryRun = false, json }: ReloadOptions): Promise<void> {
  const { adminUrl, token } = readPidFile(state)
  const answer = await fetch(`${adminUrl}/reload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ dryRun }),
  })
  const told = (await answer.json()) as Reloaded & { error?: string }
  if (!answer.ok) throw new Error(`Nothing was changed: ${told.error ?? `the gateway answers ${answer.status}`}`)
  if (json) return write(JSON.stringify(told))
  for (const { path, before, after } of told.changes) write(printable(`  ${path}: ${shown(before)} → ${shown(after)}`))
  if (told.changes.length === 0) write('Nothing has changed.')
  else
    write(told.isApplied ? 'New workers serve with it; the old ones finish what they have.' : 'Nothing was done yet.')
  if (told.startOnly.length > 0) write(`Taken up at the next start only: ${told.startOnly.join(', ')}.`)
}

const shown = (value: unknown): string => (value === undefined ? '(none)' : JSON.stringify(value).slice(0, 200))

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
