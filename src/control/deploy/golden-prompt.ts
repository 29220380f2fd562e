/** Golden prompts: questions whose right answers are known well enough to be checked by a machine. */
import { z } from '../../ground/schema.ts'

const check = z
  .discriminatedUnion('is', [
    z.strictObject({ is: z.literal('exact'), text: z.string() }),
    z.strictObject({ is: z.literal('contains'), text: z.string(), ignoreCase: z.boolean().default(true) }),
    z.strictObject({ is: z.literal('matches'), pattern: z.string().refine(isPattern, 'no regular expression') }),
    z.strictObject({ is: z.literal('json'), schema: z.record(z.string(), z.unknown()).optional() }),
    z.strictObject({ is: z.literal('length'), charsMin: z.int().min(0).default(0), charsMax: z.int().optional() }),
    z.strictObject({ is: z.literal('script'), name: z.string().refine(isScript, 'no Unicode script') }),
    z.strictObject({ is: z.literal('tool'), name: z.string(), schema: z.record(z.string(), z.unknown()).optional() }),
  ])
  .meta({ description: 'What is true of every right answer.' })

export const goldenPromptSchema = z.strictObject({
  name: z.string().meta({ description: 'What it is called in reports.' }),
  prompt: z.string().meta({ description: 'What is asked.' }),
  tokensMax: z.int().min(1).max(4096).default(256).meta({ description: 'Tokens of the answer, at most.' }),
  checks: z.array(check).max(16).default([]).meta({ description: 'What is true of every right answer.' }),
})

export type GoldenPrompt = z.output<typeof goldenPromptSchema>
/** What a gate asks: a golden prompt, or a real call. */
export interface GatePrompt extends GoldenPrompt {
  /** The request of a real call, as its caller wrote it. */
  readonly body?: Readonly<Record<string, unknown>>
}
export type Check = z.output<typeof check>

/** What a release said. */
export interface GoldenAnswer {
  readonly text: string
  readonly finish: 'stop' | 'length' | 'tool' | 'refused'
  /** The code, where there was no whole answer. */
  readonly fault: string | null
  readonly tokens: number
  readonly ttftMs: number
  readonly interTokenMs: number
  readonly toolCall: { readonly name: string; readonly arguments: string } | null
}

/** Asks a replica by itself. Never rejects: what fails is an answer with a fault. */
export type AskGolden = (
  at: { readonly url: string; readonly model: string | null },
  prompt: GatePrompt,
  signal: AbortSignal,
) => Promise<GoldenAnswer>

/** What an answer lacks, in words; null for nothing. */
export function lacks(answer: GoldenAnswer, asked: Check): string | null {
  const text = answer.text.trim()
  switch (asked.is) {
    case 'exact':
      return text === asked.text.trim() ? null : 'is not the text that was wanted'
    case 'contains': {
      const [all, part] = asked.ignoreCase ? [text.toLowerCase(), asked.text.toLowerCase()] : [text, asked.text]
      return all.includes(part) ? null : `does not contain ${JSON.stringify(asked.text)}`
    }
    case 'matches':
      return new RegExp(asked.pattern, 'u').test(text) ? null : `does not match ${asked.pattern}`
    case 'json':
      return lacksJson(withoutFence(text), asked.schema)
    case 'length':
      if (text.length < asked.charsMin) return `is shorter than ${asked.charsMin} characters`
      return text.length > (asked.charsMax ?? Infinity) ? `is longer than ${asked.charsMax} characters` : null
    case 'script':
      return isIn(text, asked.name) ? null : `is not in ${asked.name} letters`
    case 'tool':
      if (answer.toolCall?.name !== asked.name) return `does not call ${asked.name}`
      return lacksJson(answer.toolCall.arguments, asked.schema)
  }
}

function lacksJson(text: string, schema: Readonly<Record<string, unknown>> | undefined): string | null {
  try {
    const value: unknown = JSON.parse(text)
    if (!schema) return null
    return z.fromJSONSchema(schema).safeParse(value).success ? null : 'is not JSON of the wanted shape'
  } catch {
    return 'is no JSON'
  }
}

const withoutFence = (text: string): string => /^```(?:json)?\s*([\s\S]*?)\s*```$/.exec(text)?.[1] ?? text

/** Most of its letters. */
function isIn(text: string, script: string): boolean {
  const letters = [...text].filter((each) => /\p{L}/u.test(each))
  const own = letters.filter((each) => new RegExp(`\\p{Script=${script}}`, 'u').test(each))
  return letters.length > 0 && own.length >= 0.8 * letters.length
}

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp
  } catch {
    return false
  }
}

function isScript(name: string): boolean {
  return /^\w{1,40}$/.test(name) && isPattern(`\\p{Script=${name}}`)
}
