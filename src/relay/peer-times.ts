/**
 * Times of peers made comparable: who was given longer prompts, which have to be read first, waits longer for first
 * tokens and is no worse for it. Pure.
 */
import type { Speed } from '../fleet/speed.ts'
import { median } from '../ground/theil-sen.ts'
import type { Peer } from './overload/outlier.ts'

/** What is usual is read off so many peers at most. */
const knownMax = 15

/** A peer as counted, with the typical prompt behind its first tokens (0: unknown) and what is learnt of its speed. */
export interface RawPeer extends Peer {
  readonly firstTokenPrompt: number
  readonly speed: Pick<Speed, 'firstTokenMs'>
}

/**
 * First tokens as if all had had the same prompts, by what these usually take in the middle of all peers. Where that is
 * not known they stay as they are.
 */
export function levelTimes(peers: readonly RawPeer[]): Peer[] {
  const prompts = peers.map(({ firstTokenPrompt }) => firstTokenPrompt).filter((tokens) => tokens > 0)
  const known = peers.map(({ speed }) => speed).filter((speed) => speed.firstTokenMs(0) !== null)
  const speeds = known.slice(0, knownMax)
  const usualMs = usualOf(speeds, prompts.length > 0 ? median(prompts) : 0)
  return peers.map((peer) => {
    const { firstTokenPrompt } = peer
    const ownMs = firstTokenPrompt > 0 ? usualOf(speeds, firstTokenPrompt) : null
    if (usualMs === null || ownMs === null) return peer
    return { ...peer, firstTokenMs: (peer.firstTokenMs * usualMs) / ownMs }
  })
}

function usualOf(speeds: readonly RawPeer['speed'][], promptTokens: number): number | null {
  return speeds.length > 0 ? median(speeds.map((speed) => speed.firstTokenMs(promptTokens) ?? 0)) : null
}
