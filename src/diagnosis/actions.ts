/** What Holdfast did about a trouble, in sentences without a full stop. */
import type { Scene } from './scene.ts'
import { has, inRow, span } from './words.ts'

export function actions(scene: Scene): string[] {
  const { call, failures, seams, adoptions, breakers, beganMs, endedMs } = scene
  const done: string[] = []
  const good = call?.attempts.find(({ code }) => code === null)
  const hedges = call?.attempts.filter(({ isHedge }) => isHedge).length ?? 0
  const seamCount = Math.max(seams.length, call?.seams.length ?? 0)
  if (failures.length > 0 && good) {
    const failed = inRow(failures.map(({ upstream }) => upstream))
    done.push(`asked ${good.upstream} after ${failed} had failed`)
  } else if (failures.length > 1)
    done.push(`tried ${failures.length} times, on ${inRow(failures.map(({ upstream }) => upstream))}`)
  if (hedges > 0) done.push('sent it to a second server beside one that was late')
  if (seamCount > 0) {
    const words = seamCount === 1 ? 'a seam' : `${seamCount} seams`
    done.push(
      call?.outcome === 'complete'
        ? `went on behind ${words}: the caller saw a pause`
        : `tried to go on behind ${words}`,
    )
  }
  if (adoptions.some(({ state }) => state === 'adopted'))
    done.push('another process took the answer over from the journal')
  const asked = new Set(call?.attempts.map(({ upstream }) => upstream))
  const out = breakers.filter(
    ({ state, upstream, atMs }) =>
      state !== 'returned' && asked.has(upstream) && atMs >= beganMs && atMs <= endedMs + 1000,
  )
  if (out.length > 0) done.push(`took ${inRow(out.map(({ upstream }) => upstream))} out of use`)
  done.push(...ending(scene))
  return done
}

function ending(scene: Scene): string[] {
  const { call } = scene
  if (!call) return []
  if (call.outcome === 'complete') {
    if (has(scene, 'READER_LEFT', 'READER_STALLED')) return ['kept the whole answer, to be read again under this ray']
    return call.attempts.length > 0 ? ['the caller got the whole answer'] : []
  }
  if (call.outcome === 'cancelled') return ['stopped the model server’s work on it']
  if (call.firstTokenMs !== null) return ['ended the stream with an error event, so that nobody takes it for whole']
  return [`told the caller so with status ${call.status}, after ${span(call.durationMs)}`]
}
