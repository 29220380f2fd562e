/** Sizes, names, banned calls, leftovers. */
import { codeLines, type Source, type Violation } from './source.ts'

const fileLinesMax = 400
const testLinesMax = 600
const functionLinesMax = 60
const columnsMax = 120

const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/')

export function sizeViolations({ path, lines }: Source): Violation[] {
  const linesMax = isTest(path) ? testLinesMax : fileLinesMax
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  const tooLong = count > linesMax ? [`${path}: ${count} lines, at most ${linesMax}; two nouns may share the room`] : []
  const wide = lines
    .map((line, i) => ({ line, number: i + 1 }))
    // A string or a row of a table is not broken for the sake of a column.
    .filter(
      ({ line }) =>
        [...line].length > columnsMax &&
        !/^\s*\* \|/.test(line) &&
        !/['"`].{60,}['"`]/.test(line) &&
        !/https?:\/\//.test(line),
    )
    .map(
      ({ line, number }) =>
        `${path}:${number}: ${[...line].length} columns, at most ${columnsMax}; run the formatter, or wrap the comment`,
    )
  return [...tooLong, ...wide, ...(isTest(path) ? [] : longFunctions(path, lines))]
}

const modifiers = String.raw`(?:export\s+|default\s+|static\s+|async\s+|get\s+|set\s+|override\s+)*`
const declared = String.raw`function\*?\s+(\w+)`
const method = String.raw`([#\w]+)\s*(?:<[^>]*>)?\([^;]*\)?[^;=]*\{$`
const arrow = String.raw`const\s+(\w+)[^=]*=\s*(?:async\s*)?\(?.*=>\s*\{$`
const functionStart = new RegExp(String.raw`^(\s*)${modifiers}(?:${declared}|${method}|${arrow})`)
const notFunctions = new Set(['if', 'for', 'while', 'switch', 'catch', 'else', 'try', 'do', 'return', 'new'])

function longFunctions(path: string, lines: readonly string[]): Violation[] {
  return lines.flatMap((line, i) => {
    const match = functionStart.exec(line)
    const name = match?.[2] ?? match?.[3] ?? match?.[4]
    if (!match || !name || notFunctions.has(name)) return []
    const end = lines.findIndex((other, j) => j > i && other.startsWith(`${match[1]}}`))
    const length = end === -1 ? 0 : end - i + 1
    return length > functionLinesMax
      ? [`${path}:${i + 1}: ${name} has ${length} lines, at most ${functionLinesMax}; give a step of it a name`]
      : []
  })
}

interface Ban {
  readonly pattern: RegExp
  readonly places: RegExp
  readonly cure: string
}

const bans: readonly Ban[] = [
  {
    pattern: /\bDate\.now\b|\bperformance\.now\b|\bnew Date\(\s*\)/,
    places: /^src\/(ground|cli)\//,
    cure: 'take the Clock by argument',
  },
  {
    pattern: /\bset(Timeout|Interval|Immediate)\(/,
    places: /^src\/(ground|cli)\//,
    cure: 'use the Clock: after, every, soon',
  },
  {
    pattern: /\bMath\.random\b|\brandomUUID\b|\brandomBytes\(/,
    places: /^src\/ground\//,
    cure: 'take the Random by argument',
  },
  {
    pattern: /\bprocess\.env\b/,
    places: /^src\/(cli\/|house\/secrets\.ts)/,
    cure: 'read it in house/secrets.ts and hand the value down',
  },
  { pattern: /\bconsole\.\w+\(/, places: /^$/, cure: 'use the Log, or write to the stream in a command' },
  { pattern: /\b(enum|namespace)\s+\w+\s*\{/, places: /^$/, cure: 'Node strips types only: use a table `as const`' },
]

export function banViolations({ path, lines }: Source): Violation[] {
  if (!path.startsWith('src/') || isTest(path)) return []
  const code = codeLines(lines)
  return bans.flatMap(({ pattern, places, cure }) =>
    code.flatMap((line, i) =>
      pattern.test(line) && !places.test(path)
        ? [`${path}:${i + 1}: ${pattern.exec(line)?.[0]} is not used here; ${cure}`]
        : [],
    ),
  )
}

const drawers = /\/(utils?|helpers?|common|shared|types|interfaces|enums|classes|managers?|misc|index)(\.ts|\/)/

export function nameViolations({ path, lines }: Source): Violation[] {
  const isKebab = path.split('/').every((part) => /^[a-z0-9]+([.-][a-z0-9]+)*$/.test(part))
  const barrel =
    lines.filter((line) => line.trim() !== '').every((line) => /^(export (\*|\{)|\/\/|\/?\*)/.test(line.trim())) &&
    lines.length > 1
  return [
    ...(isKebab ? [] : [`${path}: names are kebab-case`]),
    ...(drawers.test(path) ? [`${path}: a drawer, not a room; name it after the noun it holds`] : []),
    ...(barrel ? [`${path}: re-exports only; import from the file that has the thing`] : []),
  ]
}

/** The first thing in a file says what it is. */
export function headViolations({ path, lines }: Source): Violation[] {
  const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0]
  return first?.startsWith('/**') || first?.startsWith('//')
    ? []
    : [`${path}:1: say in one comment what this file is and where it stands`]
}

/** Words that promise work for later. Spelled backwards, so that this file does not find itself. */
const words = ['ODOT', 'EMXIF', 'KCAH'].map((word) => [...word].toReversed().join('')).concat('X'.repeat(3))
const leftovers = new RegExp(`\\b(${words.join('|')})\\b`)

export function leftoverViolations(path: string, lines: readonly string[]): Violation[] {
  return lines.flatMap((line, i) =>
    leftovers.test(line) ? [`${path}:${i + 1}: do it, or write it down as an issue`] : [],
  )
}
