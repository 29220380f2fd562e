/** What came of a fuzzed run, as a table: faults by what was asked for, and what was lacking. */
import type { FuzzResult, Told } from './fuzz.ts'

export function table({ failures }: Pick<FuzzResult, 'failures'>): string {
  const columns = [...new Set(failures.map(({ what }) => what.replace(/^HEAD /, '')))].toSorted()
  const rows = Map.groupBy(failures, ({ code, where }) => `${code || '(none)'}${where === 'event' ? ' (event)' : ''}`)
  const cells = [...rows]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, each]) => [code, ...columns.map((column) => String(countOf(each, column) || '')), String(each.length)])
  const all = ['all', ...columns.map((column) => String(countOf(failures, column))), String(failures.length)]
  return draw([['fault', ...columns, 'all'], ...cells, all])
}

function countOf(failures: readonly Told[], column: string): number {
  return failures.filter(({ what }) => what.replace(/^HEAD /, '') === column).length
}

function draw(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n')
}

/** One line for each kind of lack, with an example. */
export function lacking(failures: readonly Told[]): string[] {
  const all = failures.flatMap((failure) =>
    failure.lacks.map((lack) => ({
      key: `${failure.what} ${failure.status} ${failure.code}: ${lack.replace(/ \(.*\)$/, '')}`,
      failure,
      lack,
    })),
  )
  return [...Map.groupBy(all, ({ key }) => key)].map(
    ([key, each]) => `${each.length} × ${key}, e.g. ${each[0]?.failure.ray ?? ''}`,
  )
}
