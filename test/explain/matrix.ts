/** What was injected against what was found: counts, the share that is right, and a page of it. */
import { type CauseName, causeOf } from '../../src/diagnosis/causes.ts'
import { causeClasses } from '../../src/diagnosis/cause.ts'

export interface Verdict {
  readonly title: string
  readonly expected: CauseName
  readonly found: string
  readonly confidence: number
}

export interface Row {
  readonly cause: CauseName
  readonly all: number
  readonly right: number
  /** The least confidence of those that are right. */
  readonly confidenceMin: number
  /** What was found in place of it, and how often. */
  readonly wrong: ReadonlyMap<string, number>
}

export function rowsOf(verdicts: readonly Verdict[]): Row[] {
  const groups = Map.groupBy(verdicts, ({ expected }) => expected)
  return [...groups].map(([cause, all]) => {
    const right = all.filter(({ found }) => found === cause)
    const wrong = new Map<string, number>()
    for (const { found } of all) if (found !== cause) wrong.set(found, (wrong.get(found) ?? 0) + 1)
    const confidenceMin = Math.min(1, ...right.map(({ confidence }) => confidence))
    return { cause, all: all.length, right: right.length, confidenceMin, wrong }
  })
}

/** Share of the verdicts that are right; 0 for none. */
export function shareRight(verdicts: readonly Verdict[]): number {
  return verdicts.filter(({ expected, found }) => expected === found).length / Math.max(1, verdicts.length)
}

/** A table in Markdown, by class of cause. */
export function drawMatrix(verdicts: readonly Verdict[]): string {
  const rows = rowsOf(verdicts).toSorted(
    (a, b) => classOf(a.cause).localeCompare(classOf(b.cause)) || a.cause.localeCompare(b.cause),
  )
  const lines = rows.map(({ cause, all, right, confidenceMin, wrong }) => {
    const others = [...wrong].map(([name, count]) => `${name} ${count}`).join(', ')
    return `| ${classOf(cause)} | \`${cause}\` | ${all} | ${right} | ${right > 0 ? `${Math.round(100 * confidenceMin)} %` : ''} | ${others} |`
  })
  return [
    '| class | cause that was injected | calls | found | least sure | taken for |',
    '| --- | --- | --: | --: | --: | --- |',
    ...lines,
  ].join('\n')
}

function classOf(cause: CauseName): string {
  return causeClasses[causeOf(cause).class]
}
