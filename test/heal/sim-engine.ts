/** The simulated engine, ill on command. */
import { seededRandom } from '../../src/ground/random.ts'
import { simCommand, type Stage } from '../control/stage.ts'
import { chat, type Outcome } from '../crash/chat.ts'
import { ResumingClient } from '../crash/resuming-client.ts'
import { type Engine, ills } from './engine.ts'

const model = 'lab-model'
const mib = 2 ** 20
/** Longer than a worker that hangs is left to itself. */
const patienceMs = 60_000

export const simEngine: Engine = {
  ills,
  command: (ill) => {
    const poison = ill === 'poison' ? ['--fault', JSON.stringify({ kind: 'crash-on-poison' })] : []
    return simCommand('--answer-max', '60', ...poison)
  },
  prepare: async () => {},
  ask: (url, lane, n, ill) => {
    const prompt = `lane ${lane} call ${n} tokens:${40 + (n % 40)}`
    return ill === 'worker' ? resume(url, prompt) : chat(url, model, prompt, lane % 4 !== 0)
  },
  leak: (stage, replica) => order(stage, replica, { kind: 'leak', bytes: mib }),
  deadlock: async (stage, replica) => {
    await order(stage, replica, { kind: 'deadlock' })
    return { [Symbol.dispose]: () => {} }
  },
  poison: { model, messages: [{ role: 'user', content: 'POISON' }] },
}

/** A worker holds the connections of its callers: theirs break with it, and they come back for the rest. */
async function resume(url: string, prompt: string): Promise<Outcome> {
  const random = seededRandom(1)
  const about = { url, model, prompt, random, patienceMs, dropChance: 0, idempotencyKey: crypto.randomUUID() }
  const { complaint } = await new ResumingClient(about).run()
  return { verdict: complaint === null ? 'whole' : 'naked', code: null, detail: complaint ?? '', tokens: 0 }
}

async function order(stage: Stage, replica: string, fault: object): Promise<void> {
  const row = (await stage.rows()).find(({ name }) => name === replica)
  const answer = await fetch(`${row?.url}/lab/faults`, { method: 'POST', body: JSON.stringify(fault) })
  if (!answer.ok) throw new Error(`the fault was refused: ${answer.status} ${await answer.text()}`)
}
