/**
 * Sends what is in memory: a large body in pieces, and of all bodies together only so many pieces a turn. A write goes
 * through the whole of the system's TCP before it is over, and to a reader with a window of some hundred bytes that is
 * a thousand packets: measured, 8 ms for 1 MiB. A crowd of such readers would otherwise be all that a worker does.
 */
import type { Portions } from '../../ground/portions.ts'
import type { WebAnswer } from './web.ts'

const pieceBytes = 32 * 1024
/** Written in one turn, over all answers. */
export const piecesPerTurn = 4

export function sendBytes(answer: WebAnswer, body: Buffer, pieces: Portions): void {
  if (body.length <= pieceBytes) return void answer.end(body)
  let at = 0
  const write = (): void => {
    if (answer.destroyed) return
    const piece = body.subarray(at, (at += pieceBytes))
    if (at < body.length) return answer.write(piece) ? pieces.add(write) : undefined
    answer.off('drain', goOn)
    answer.end(piece)
  }
  const goOn = (): void => pieces.add(write)
  answer.on('drain', goOn)
  goOn()
}
