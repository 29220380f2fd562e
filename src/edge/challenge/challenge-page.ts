/** The page on which a browser works for its visitor, in the visitor's language. */
import { createHash } from 'node:crypto'
import { Page, readPage } from '../page.ts'
import type { Asking } from '../visitor.ts'
import { challengeWords } from './challenge-words.ts'
import type { Puzzle } from './puzzle.ts'

export interface ChallengePage {
  readonly type: string
  readonly body: Buffer
  readonly headers: readonly string[]
}

const file = 'challenge.html'
const page = new Page(file)
const text = readPage(file)

/** Nothing from elsewhere; of its own the one style and the one script that stand in it, by their hashes. */
const policy = [
  "default-src 'none'",
  `style-src ${hashOf('style')}`,
  `script-src ${hashOf('script')}`,
  'worker-src blob:',
  "connect-src 'self'",
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"],
].join('; ')

function hashOf(element: string): string {
  const inner = new RegExp(`<${element}>([^]*?)</${element}>`).exec(text)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(inner).digest('base64')}'`
}

export function challengePage(
  { salt, goal, numberMax, signature }: Puzzle,
  told: {
    readonly request: Asking
    readonly ray: string
    readonly atMs: number
    readonly address: string
    /** Where the solution is sent. */
    readonly path: string
    /** It is no matter of an attack. */
    readonly isLasting: boolean
  },
): ChallengePage {
  const { request, ray, atMs, address, path, isLasting } = told
  const language = languageOf(request.headers['accept-language'] ?? '')
  const { attack, always, ...words } = challengeWords[language]
  const time = new Date(atMs).toISOString().replace('T', ' ')
  const body = page.render({
    ...words,
    ...(isLasting ? always : attack),
    language,
    ...{ salt, goal, signature, path, numberMax: String(numberMax) },
    ...{ ray, address, time: time.replace(/\.\d+Z$/, ' UTC') },
  })
  const headers = [
    'content-security-policy',
    policy,
    'content-language',
    language,
    'vary',
    'accept, accept-language, cookie',
  ]
  headers.push('x-content-type-options', 'nosniff', 'referrer-policy', 'no-referrer')
  return { type: 'text/html; charset=utf-8', body, headers }
}

/** The first of ours that the browser names; browsers name them in the order of their wish. */
function languageOf(accepted: string): keyof typeof challengeWords {
  const named =
    accepted
      .slice(0, 200)
      .toLowerCase()
      .match(/[a-z]{2,3}(?=[-;,\s]|$)/g) ?? []
  return named.find((each) => each === 'de' || each === 'en') === 'de' ? 'de' : 'en'
}
