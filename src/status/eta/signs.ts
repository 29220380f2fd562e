/**
 * What is known of an incident at one moment, as a few numbers. Each is small, bounded and can be told to an operator;
 * which ones are worth having was found on public incidents (docs/design/0031-how-long-it-will-last.md).
 */
import { boundedMinutes, type Story, type StoryUpdate } from './story.ts'

/** In the order of the vector: what to say of a sign that is above 0, and of one below. */
export const signs = {
  fixed: plainly('a fix is in place'),
  fixedFor: { high: 'the fix has been in place for some time and it is not over', low: 'the fix is new' },
  silence: { high: 'nothing has been said for some time', low: 'something was said just now' },
  mitigated: plainly('something was rolled back, applied or mitigated'),
  minutes: plainly('the last update speaks of minutes'),
  expects: plainly('the last update tells of hours, or of what should come'),
  partial: plainly('only some are hit'),
  weekend: plainly('it is the weekend'),
  several: plainly('another incident, or a maintenance, was open when it began'),
} as const
export type SignName = keyof typeof signs
export const signNames = Object.keys(signs) as SignName[]

/** Minutes after which something said is no longer new: the unit in which ages are counted. */
const freshMin = 10
/** Older than this is only old. */
const ageMaxMin = 360

const any = (...parts: readonly string[]): RegExp => new RegExp(`\\b(${parts.join('|')})\\b`)
const words = {
  done: any(
    'fix has been',
    'has been (implemented|deployed|mitigated|fixed|resolved|rolled)',
    "(we've|we have) (\\w+ )?(implemented|deployed|mitigated|applied|rolled|fixed|resolved|completed|reverted)",
  ),
  watched: /\bmonitor/,
  searching: /\binvestigat/,
  mitigated: any(
    'a mitigation|mitigation (is|has|was|in)',
    'applied|rolled back|rolling back|reverted|failed over|failover',
  ),
  minutes: /\bminutes?\b/,
  expects: any('expect\\w*|should|estimat\\w*|hours?|pacific|pst|pdt|utc|tomorrow'),
  partial: /\b(some|subset|small|intermittent\w*|few|minor|certain|percent)\b|%/,
}

/** Texts are read no further than this: they are written by people, and may be by anybody. */
const textMax = 2000
const plain = ({ text }: StoryUpdate): string => text.slice(0, textMax).toLowerCase().replaceAll('’', "'")
const age = (minutes: number): number => Math.log1p(Math.min(minutes, ageMaxMin) / freshMin) - 1

/** The signs of a story when it has lasted so long; only what was said by then counts. */
export function readSigns(story: Story, elapsedMin: number): Float64Array {
  const elapsed = boundedMinutes(elapsedMin)
  const told = story.updates.filter(({ afterMin }) => afterMin <= elapsed)
  const last = told.at(-1)
  const lastWords = last ? plain(last) : ''
  const fix = told.find(isFix)
  const day = new Date(story.beganMs + elapsed * 60_000).getUTCDay()
  const read: Record<SignName, number> = {
    fixed: fix ? 1 : 0,
    fixedFor: fix ? age(elapsed - boundedMinutes(fix.afterMin)) : 0,
    silence: age(elapsed - boundedMinutes(last?.afterMin ?? 0)),
    mitigated: told.some((update) => words.mitigated.test(plain(update))) ? 1 : 0,
    minutes: words.minutes.test(lastWords) ? 1 : 0,
    expects: words.expects.test(lastWords) ? 1 : 0,
    partial: told.some((update) => words.partial.test(plain(update))) ? 1 : 0,
    weekend: day === 0 || day === 6 ? 1 : 0,
    several: story.isOneOfSeveral ? 1 : 0,
  }
  return Float64Array.from(signNames, (name) => read[name])
}

function isFix(update: StoryUpdate): boolean {
  if (update.stage === 'monitoring') return true
  const text = plain(update)
  return words.done.test(text) || (words.watched.test(text) && !words.searching.test(text))
}

function plainly(words: string): { readonly high: string; readonly low: string } {
  return { high: words, low: words }
}
