/** One caller of the gateway: asks, reads as it is told to, and remembers the ray. Given up after its patience. */
import { request } from 'node:http'

export interface Ask {
  readonly url: string
  readonly path: string
  readonly model: string
  readonly isStream: boolean
  /** Of the answer; the simulated servers say as many. */
  readonly tokens: number
  readonly prompt: string
  /** In place of a call. */
  readonly body: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly patienceMs: number
  /** Told of each piece; `leave` hangs up, `stop` reads no more. */
  readonly onPiece: (text: string) => 'leave' | 'stop' | undefined
}

export interface Heard {
  /** 0 where there was no answer. */
  readonly status: number
  readonly ray: string | undefined
  readonly text: string
  /** The code in the answer, wherever it is. */
  readonly code: string | null
}

const textLengthMax = 2 ** 20

export function ask(options: Partial<Ask> & Pick<Ask, 'url' | 'model'>): Promise<Heard> {
  const { url, path = '/v1/chat/completions', model, isStream = true, tokens = 8, prompt = 'hello' } = options
  const { headers = {}, patienceMs = 20_000, onPiece = () => undefined } = options
  const call = { model, stream: isStream, messages: [{ role: 'user', content: `${prompt} tokens:${tokens}` }] }
  const body = options.body ?? JSON.stringify(call)
  return new Promise((resolve) => {
    let [status, text] = [0, '']
    let ray: string | undefined
    const end = (): void => {
      clearTimeout(late)
      resolve({ status, ray, text, code: /"cause":"(HF_\w+)"/.exec(text)?.[1] ?? null })
    }
    const sent = request(`${url}${path}`, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', ...headers },
    })
    const late = setTimeout(() => sent.destroy(), patienceMs)
    sent.on('error', end)
    sent.on('response', (response) => {
      status = response.statusCode ?? 0
      ray = response.headers['holdfast-ray'] as string | undefined
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text = (text + piece).slice(-textLengthMax)
        const wish = onPiece(piece)
        if (wish === 'leave') sent.destroy()
        if (wish === 'stop') response.pause()
      })
      response.on('close', end)
      response.on('error', () => {})
    })
    sent.end(body)
  })
}

/** Asks one after the other. */
export async function askTimes(count: number, one: () => Promise<Heard>): Promise<Heard[]> {
  const heard: Heard[] = []
  for (let i = 0; i < count; i++) heard.push(await one())
  return heard
}
