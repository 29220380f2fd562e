/**
 * What is known of an incident at one moment, as a few numbers. Each is small, bounded and can be told to an operator;
 * which ones are worth having was found on public incidents (docs/design/0033-how-long-it-will-last.md).
 */
import { boundedMinutes, type Story, type StoryUpdate } from './story.ts'

/** In the order of the vector. The sentences finish "longer/shorter, because". */
export const signs = {
  fixed: 'a fix is in place',
  fixedFor: 'the fix has been in place for some time',
  silence: 'of the time since the last update',
  mitigated: 'something was rolled back, applied or mitigated',
  minutes: 'the last update speaks of minutes',
  expects: 'the last update tells of hours or of what should come',
  partial: 'only some are hit',
  weekend: 'it is the weekend',
  several: 'another incident was open when it began',
} as const
export type SignName = keyof typeof signs
export const signNames = Object.keys(signs) as SignName[]

/** Minutes after which something said is no longer new: the unit in which ages are counted. */
const freshMin = 10

const words = {
  done: /\b(fix has been|has been (implemented|deployed|mitigated|fixed|resolved|rolled)|(we've|we have) (\w+ )?(implemented|deployed|mitigated|applied|rolled|fixed|resolved|completed|reverted))\b/,
  watched: /\bmonitor/,
  searching: /\binvestigat/,
  mitigated: /\b(a mitigation|mitigation (is|has|was|in)|applied|rolled back|rolling back|reverted|failed over|failover)\b/,
  minutes: /\bminutes?\b/,
  expects: /\b(expect\w*|should|estimat\w*|hours?|pacific|pst|pdt|utc|tomorrow)\b/,
  partial: /\b(some|subset|small|intermittent\w*|few|minor|certain|percent)\b|%/,
}

/** Texts are read no further than this: they are written by people, and may be by anybody. */
const textMax = 2000
const plain = ({ text }: StoryUpdate): string => text.slice(0, textMax).toLowerCase().replaceAll('’', "'")
const age = (minutes: number): number => Math.log1p(minutes / freshMin) - 1

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
