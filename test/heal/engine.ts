/** Engines that are made ill: what starts one, and how a call is judged byte for byte. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { tinyModelCommand } from '../../lab/start-tiny-model.ts'
import { simCommand } from '../control/stage.ts'
import { chat, type Outcome } from '../crash/chat.ts'

export interface Engine {
  readonly command: readonly string[]
  /** Learns from one that is well what the answers are. */
  prepare(url: string): Promise<void>
  /** Every fourth lane asks for plain answers, the others for streams. */
  ask(url: string, lane: number, n: number): Promise<Outcome>
}

export const simEngine: Engine = {
  command: simCommand('--answer-max', '60'),
  prepare: async () => {},
  ask: (url, lane, n) => chat(url, 'lab-model', `lane ${lane} call ${n} tokens:${40 + (n % 40)}`, lane % 4 !== 0),
}

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
/** Token by token, one at a time, and greedy: the same words at every replica. */
const extraArgs = ['--no-cache-prompt', '--ubatch-size', '1']
const greedy = { temperature: 0, max_tokens: 200, ignore_eos: true, cache_prompt: false }
const prompts = ['Tell me about the sea.', 'What is a mountain?', 'Why does it rain?', 'Name some birds.']

/** Null where it cannot be had, with the reason told. */
export async function llamaEngine(say: (line: string) => void): Promise<Engine | null> {
  const expected = new Map<string, string>()
  const promptOf = (lane: number, n: number): string => prompts[(lane + n) % prompts.length] ?? ''
  try {
    return {
      command: await tinyModelCommand({ cacheDir, noise: 4, slots: 1, extraArgs }),
      prepare: async (url) => {
        for (const prompt of prompts) expected.set(prompt, await askPlain(url, prompt))
      },
      ask: async (url, lane, n) => {
        const prompt = promptOf(lane, n)
        try {
          const text = await (lane % 4 === 1 ? askPlain : askStream)(url, prompt)
          const isWhole = text === expected.get(prompt)
          const detail = isWhole ? '' : `${text.length} of ${expected.get(prompt)?.length} characters, or other ones`
          return { verdict: isWhole ? 'whole' : 'naked', code: null, detail, tokens: 0 }
        } catch (error) {
          return { verdict: 'refused', code: null, detail: String((error as Error).cause ?? error), tokens: 0 }
        }
      },
    }
  } catch (error) {
    say(`skipped: ${(error as Error).message}`)
    return null
  }
}

async function post(url: string, prompt: string, stream: boolean): Promise<string> {
  const messages = [{ role: 'user', content: prompt }]
  const body = JSON.stringify({ model: 'tiny', messages, stream, ...greedy })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
  const said = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${said.slice(0, 200)}`)
  return said
}

async function askPlain(url: string, prompt: string): Promise<string> {
  const { choices } = JSON.parse(await post(url, prompt, false)) as { choices: { message: { content: string } }[] }
  return choices[0]?.message.content ?? ''
}

async function askStream(url: string, prompt: string): Promise<string> {
  const events = (await post(url, prompt, true))
    .split('\n\n')
    .flatMap((event) => /^data: (\{.*)$/m.exec(event)?.[1] ?? [])
  const chunks = events.map(
    (json) => JSON.parse(json) as { choices?: { delta: { content?: string } }[]; error?: object },
  )
  const fault = chunks.find(({ error }) => error)
  if (fault) throw new Error(JSON.stringify(fault.error).slice(0, 300))
  return chunks.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('')
}
