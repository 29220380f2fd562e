/**
 * What the public is told of an incident, written from facts in plain words. No name of a machine is in it: components
 * have names that their users know.
 */
import type { CauseClass } from '../diagnosis/cause.ts'
import { inRow } from '../diagnosis/words.ts'
import { type Affected, type Blame, type Level, levels, type Stage } from './incident.ts'

export interface Told {
  readonly stage: Stage
  readonly beganMs: number
  readonly nowMs: number
  readonly blame: Blame | null
  readonly affected: readonly Affected[]
  /** Of the calls since it began, those that failed or were slow. */
  readonly share: number
  /** It had been over, or nearly. */
  readonly isBack: boolean
}

/** For whom it is nobody's business what exactly: the classes of the table of causes. */
const causeWords: Readonly<Record<CauseClass, string>> = {
  overload: 'More is being asked than can be answered at the moment.',
  network: 'There is a problem in the network on the way to the model servers.',
  maintenance: 'It came with a change that was being put in place.',
  'third-party': 'A provider that we rely on has a problem.',
  application: 'A model server has failed.',
  client: 'It comes from calls of one kind.',
  gateway: 'The fault is in our own gateway.',
}

const titleWords: Readonly<Record<Level, string>> = {
  operational: 'a short disturbance',
  degraded_performance: 'slower than usual, or some calls fail',
  partial_outage: 'some calls fail',
  major_outage: 'most calls fail',
}

/** `gpt-oss and llama: some calls fail`. */
export function titleOf(affected: readonly Affected[]): string {
  const worst = affected.map(({ worst: level }) => levels.indexOf(level)).reduce((a, b) => Math.max(a, b), 0)
  const names = namesOf(affected)
  const shown = names.length > namesLengthMax ? `${names.slice(0, namesLengthMax - 1).toWellFormed()}…` : names
  return `${shown}: ${titleWords[levels[worst] ?? 'operational']}`
}

/** Of the names in a title, in characters: a title that is too long is no event of ours. */
const namesLengthMax = 150

export function updateText(told: Told): string {
  const { stage } = told
  if (stage === 'resolved') return `This is over. ${lastedWords(told)}`
  if (stage === 'monitoring') return 'Calls are answered again. We keep an eye on it.'
  const since = told.isBack ? 'It has come back.' : `It began at ${timeWords(told.beganMs)}.`
  const why = told.blame ? causeWords[told.blame.class] : 'We are looking for the cause.'
  return `${harmWords(told)} ${since} ${why}`
}

function harmWords({ affected, share }: Told): string {
  const harmed = affected.filter(({ level }) => level !== 'operational')
  const names = namesOf(harmed.length > 0 ? harmed : affected)
  if (harmed.length === 0) return `Calls to ${names} were disturbed for a short time.`
  return `${shareWords(share)} calls to ${names} fail or are slow.`
}

/** Rounded: the figure moves. */
function shareWords(share: number): string {
  const percent = 100 * share
  if (percent >= 97) return 'Nearly all'
  if (percent >= 10) return `About ${Math.round(percent / 5) * 5} % of the`
  return percent >= 1.5 ? `About ${Math.round(percent)} % of the` : 'Some'
}

function lastedWords({ beganMs, nowMs, affected }: Told): string {
  const total = affected.reduce((sum, each) => sum + each.total, 0)
  const bad = affected.reduce((sum, each) => sum + each.bad, 0)
  const calls =
    total > 0 && bad > 0 ? ` ${bad.toLocaleString('en')} of ${total.toLocaleString('en')} calls were affected.` : ''
  return `It lasted ${spanWords(nowMs - beganMs)}.${calls}`
}

export function spanWords(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  if (minutes === 1) return 'a minute'
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}

/** In UTC, as the page says it for readers without script. */
function timeWords(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 16)} UTC`
}

function namesOf(affected: readonly Affected[]): string {
  return inRow(affected.map(({ component }) => component)) || 'all'
}
