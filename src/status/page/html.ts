/**
 * HTML that cannot be broken out of: whatever is put into a template is escaped, unless it is such HTML itself. There
 * is no way to say that some text is to be trusted.
 */
import { escapeHtml } from '../../ground/escape-html.ts'

export class Html {
  readonly text: string
  /** Only `html` makes one. */
  private constructor(text: string) {
    this.text = text
  }

  static join(parts: readonly string[], pieces: readonly Piece[]): Html {
    return new Html(parts.map((part, i) => (i === 0 ? part : textOf(pieces[i - 1] ?? null) + part)).join(''))
  }
}

/** What may be put in: null and false leave nothing. */
export type Piece = string | number | Html | null | false | readonly Piece[]

export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return Html.join(parts, pieces)
}

function textOf(piece: Piece): string {
  if (piece === null || piece === false) return ''
  if (piece instanceof Html) return piece.text
  if (typeof piece === 'object') return piece.map(textOf).join('')
  return escapeHtml(String(piece))
}
