/** From an incident of one's own to the story that the estimate reads. */
import type { EndedStory, Story, StoryUpdate } from './story.ts'

/** What is asked of an incident; all times in milliseconds since 1970. */
interface Told {
  readonly beganMs: number
  readonly resolvedMs: number | null
  readonly blame: { readonly class: string } | null
  readonly updates: readonly {
    readonly atMs: number
    readonly stage: 'investigating' | 'identified' | 'monitoring' | 'resolved'
    readonly text: string
    readonly by: string
  }[]
}

const minuteMs = 60_000
/** Who writes the updates that nobody wrote: their words are no sign of anything. */
const byItself = 'holdfast'

/** `isOneOfSeveral`: another one was open when it began, or a maintenance in force or announced. */
export function storyOf({ beganMs, blame, updates }: Told, isOneOfSeveral: boolean): Story {
  const told = updates.flatMap(({ atMs, stage, text, by }): StoryUpdate[] =>
    stage === 'resolved'
      ? []
      : [{ afterMin: Math.max(0, atMs - beganMs) / minuteMs, stage, text: by === byItself ? '' : text }],
  )
  return { beganMs, updates: told, isOneOfSeveral, causeClass: blame?.class ?? null }
}

/** The same of one that is over; null while it is not. */
export function endedStoryOf(told: Told, isOneOfSeveral: boolean): EndedStory | null {
  if (told.resolvedMs === null) return null
  const minutes = Math.max(0, told.resolvedMs - told.beganMs) / minuteMs
  return { ...storyOf(told, isOneOfSeveral), minutes }
}
