/** `holdfast tail`: what happened last, from the record of a gateway, be it alive or dead. */
import { safeJson } from '../ground/one-line.ts'
import { join } from 'node:path'
import { faultKinds } from '../fault/code.ts'
import { nearestName } from '../ground/name.ts'
import { type FactKind, factKinds } from '../observe/fact.ts'
import { factWords } from '../observe/fact-words.ts'
import { entriesMax, type Entry, type FactFilter, type RecordReader } from '../store/record.ts'
import { recordFileName } from '../store/sqlite-record-file.ts'
import { RecordQuery } from '../store/sqlite-record-query.ts'

export interface TailOptions {
  state: string
  count: number
  follow?: boolean
  kind?: string
  code?: string
  upstream?: string
  ray?: string
  json?: boolean
}

/** Samples and sums are shown when they are asked for: there are many, and each alone says little. */
const quiet: ReadonlySet<FactKind> = new Set(['sum', 'visits', 'load', 'line', 'limit', 'resource'])
const usualKinds = (Object.keys(factKinds) as FactKind[]).filter((kind) => !quiet.has(kind))

const followPeriodMs = 500
/** Facts of several processes come in batches, so that older ones may come behind newer ones; within this. */
const lateMs = 3000
/** New facts at one look; what is beyond is counted and not shown. */
const pagesMax = 10

/** Resolves at its end; with `follow` when somebody stops it, or nobody reads any more. @throws {Error} in words. */
export async function tail(options: TailOptions, print: (text: string) => void, isOver: () => boolean): Promise<void> {
  const filter = filterOf(options)
  const open = (): RecordReader => openRecordOf(options.state)
  using reader = open()
  const show = options.json ? jsonLine : line
  if (options.ray !== undefined) return reader.byRay(options.ray).forEach((each) => print(show(each)))
  const { entries } = reader.latest(filter, options.count)
  for (const entry of entries.toReversed()) print(show(entry))
  if (options.follow) await follow(open, { filter, seen: entries, isOver }, (entry) => print(show(entry)), print)
}

/** The record of the gateway whose state is kept there. @throws {Error} in words that name the cure. */
export function openRecordOf(stateDir: string): RecordReader {
  const path = join(stateDir, recordFileName)
  try {
    return new RecordQuery(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `There is no record that can be read in ${stateDir} (${reason}).\n    Name the gateway’s state folder with --state. With \`record.engine: memory\` ask its operators’ port, at /record.`,
      { cause },
    )
  }
}

interface Watch {
  readonly filter: FactFilter
  readonly seen: readonly Entry[]
  readonly isOver: () => boolean
}

async function follow(
  open: () => RecordReader,
  { filter, seen, isOver }: Watch,
  show: (entry: Entry) => void,
  print: (text: string) => void,
): Promise<void> {
  let told = new Set(seen.map(({ id }) => id))
  const startMs = Date.now()
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, followPeriodMs))
    using reader = open() // it may be another file by now
    const { entries, isCut } = since(reader, { ...filter, fromMs: Math.max(startMs, Date.now() - lateMs) })
    for (const entry of entries) if (!told.has(entry.id)) show(entry)
    if (isCut) print('… more than can be shown\n')
    told = new Set(entries.map(({ id }) => id))
  }
}

/** In order of time. */
function since(reader: RecordReader, filter: FactFilter): { entries: Entry[]; isCut: boolean } {
  const entries: Entry[] = []
  let cursor: number | null = null
  for (let pages = 0; pages < pagesMax; pages++) {
    const page = reader.latest(filter, entriesMax, cursor)
    entries.push(...page.entries)
    cursor = page.next
    if (cursor === null) break
  }
  return { entries: entries.toReversed(), isCut: cursor !== null }
}

function filterOf({ kind, code, upstream }: TailOptions): FactFilter {
  const kinds = kind?.split(',') ?? usualKinds
  for (const each of kinds) need(each, Object.keys(factKinds), 'kind of fact')
  if (code !== undefined) need(code, Object.keys(faultKinds), 'fault')
  return {
    kinds: kinds as FactKind[],
    ...(code !== undefined && { code }),
    ...(upstream !== undefined && { upstream }),
  }
}

function need(name: string, known: readonly string[], what: string): void {
  if (known.includes(name)) return
  const near = nearestName(name, known)
  const cure = near ? `Did you mean ${near}?` : `There are: ${known.join(', ')}.`
  throw new Error(`There is no ${what} named ${JSON.stringify(name)}.\n    ${cure}`)
}

function jsonLine({ id, fact }: Entry): string {
  return `${safeJson(JSON.stringify({ id, ...fact }))}\n`
}

function line({ fact }: Entry): string {
  const { atMs, kind, ray } = fact
  return `${new Date(atMs).toISOString()}  ${kind.padEnd(8)}  ${factWords(fact)}${ray ? `  ${ray}` : ''}\n`
}
