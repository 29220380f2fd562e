/** What all pages share: the style with the operator's own colour, the script, the logo. */
import { readFileSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { accentRules } from './accent.ts'
import type { PageFile } from './page-file.ts'
import type { PageOptions } from './page-options.ts'
import type { Words } from './words/en.ts'
import { wordsOf } from './words/languages.ts'

const logoBytesMax = 256 * 1024

const logoTypes: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
}

export interface Look {
  readonly files: readonly PageFile[]
  /** Of the logo; null without one. */
  readonly logo: string | null
}

/** `readWeb`: a text of the folder `web/`. @throws {Error} when the logo cannot be used, in words for its operator. */
export function readLook(
  { logo, accent }: Pick<PageOptions, 'logo' | 'accent'>,
  readWeb: (name: string) => string,
): Look {
  const style = readWeb('status/style.css') + (accent === undefined ? '' : accentRules(accent))
  const files: PageFile[] = [
    { path: 'style.css', contentType: 'text/css; charset=utf-8', bytes: Buffer.from(style) },
    { path: 'live.js', contentType: 'text/javascript; charset=utf-8', bytes: Buffer.from(readWeb('status/live.js')) },
  ]
  if (logo === undefined) return { files, logo: null }
  const ending = extname(logo).toLowerCase()
  const contentType = logoTypes[ending]
  if (contentType === undefined) throw new Error(`${logo}: a logo is svg, png, webp or jpeg`)
  if (statSync(logo).size > logoBytesMax) throw new Error(`${logo}: a logo has at most ${logoBytesMax / 1024} KiB`)
  const path = `logo${ending}`
  return { files: [...files, { path, contentType, bytes: readFileSync(logo) }], logo: path }
}

const wordsBytesMax = 256 * 1024

/** The words of the operator's own, in each language that is shown. @throws {Error} in words for its operator. */
export function readLanguages({ languages, words }: Pick<PageOptions, 'languages' | 'words'>): Words[] {
  const own = new Map(Object.entries(words).map(([tag, file]) => [tag, readWords(file)]))
  return wordsOf(languages, own)
}

function readWords(file: string): unknown {
  if (statSync(file).size > wordsBytesMax) throw new Error(`${file}: words have at most ${wordsBytesMax / 1024} KiB`)
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
}
