/** Plays scenes side by side: two model servers, and as many gateways as there are lanes. */
import { startSim } from '../../../lab/start-sim.ts'
import { Lane, type Row, type Scene } from './lane.ts'

/** Tokens a second of one answer. */
const rate = 40

export interface StageOptions {
  readonly lanes: number
  readonly tell: (row: Row) => void
}

export async function play(scenes: readonly Scene[], { lanes, tell }: StageOptions): Promise<Row[]> {
  const sims = await Promise.all(Array.from({ length: 2 }, () => startSim({ rate, slots: 64 })))
  const waiting = [...scenes]
  const rows: Row[] = []
  try {
    const upstreams = sims.map(({ url }) => url)
    const run = async (): Promise<void> => {
      await using lane = await Lane.open({ upstreams })
      for (let scene = waiting.shift(); scene; scene = waiting.shift()) {
        const row = await lane.play(scene)
        rows.push(row)
        tell(row)
      }
    }
    await Promise.all(Array.from({ length: lanes }, run))
  } finally {
    await Promise.all(sims.map((sim) => sim.stop()))
  }
  return rows
}
