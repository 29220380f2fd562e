/** Plays scenes side by side: two model servers, and as many gateways as there are lanes. */
import { startSim } from '../../../lab/start-sim.ts'
import { Lane, type Row, type Scene } from './lane.ts'
import type { OtherScene } from './other-scenes.ts'

/** Tokens a second of one answer. */
const rate = 40

export interface Programme {
  /** Played one after the other on gateways that they share. */
  readonly scenes: readonly Scene[]
  /** Those that need a gateway of their own. */
  readonly others: readonly OtherScene[]
}

export interface StageOptions {
  /** Gateways for `scenes`; `others` are played beside them. */
  readonly lanes: number
  readonly tell: (row: Row) => void
}

export async function play({ scenes, others }: Programme, { lanes, tell }: StageOptions): Promise<Row[]> {
  const sims = await Promise.all(Array.from({ length: 2 }, () => startSim({ rate, slots: 64 })))
  const upstreams = sims.map(({ url }) => url)
  const waiting = [...scenes]
  const waitingOthers = [...others]
  const rows: Row[] = []
  const note = (row: Row): void => {
    rows.push(row)
    tell(row)
  }
  const playScenes = async (): Promise<void> => {
    if (waiting.length === 0) return
    await using lane = await Lane.open({ upstreams })
    for (let scene = waiting.shift(); scene; scene = waiting.shift()) note(await lane.play(scene))
  }
  const playOthers = async (): Promise<void> => {
    for (let scene = waitingOthers.shift(); scene; scene = waitingOthers.shift()) note(await scene.run(upstreams))
  }
  try {
    await Promise.all([...Array.from({ length: lanes }, playScenes), playOthers()])
    return rows
  } finally {
    await Promise.all(sims.map((sim) => sim.stop()))
  }
}
