/** From what is known of an incident to the facts that its title and texts are written from. */
import { type Affected, type Blame, levels, type NameRow, type Told } from './incident.ts'

export interface Telling extends Pick<Told, 'stage' | 'beganMs' | 'atMs' | 'isBack'> {
  readonly blame: Blame | null
  /** Their components by the names that the public knows. */
  readonly affected: readonly Affected[]
}

const namesMax = 4
const nameLengthMax = 100

export function toldOf({ blame, affected, ...rest }: Telling): Told {
  const worst = affected.map(({ worst: level }) => levels.indexOf(level)).reduce((a, b) => Math.max(a, b), 0)
  return {
    ...rest,
    cause: blame?.class ?? null,
    names: rowOf(affected),
    harmed: rowOf(affected.filter(({ level }) => level !== 'operational')),
    worst: levels[worst] ?? 'operational',
    share: Math.max(0, ...affected.map(({ total, bad }) => (total === 0 ? 0 : bad / total))),
    calls: affected.reduce((sum, { total }) => sum + total, 0),
    badCalls: affected.reduce((sum, { bad }) => sum + bad, 0),
  }
}

function rowOf(affected: readonly Affected[]): NameRow {
  const names = [...new Set(affected.map(({ component }) => shortened(component)))]
  const shown = names.length > namesMax ? names.slice(0, namesMax - 1) : names
  return { shown, more: names.length - shown.length }
}

function shortened(name: string): string {
  const letters = [...name]
  return letters.length > nameLengthMax ? `${letters.slice(0, nameLengthMax - 1).join('')}…` : name
}
