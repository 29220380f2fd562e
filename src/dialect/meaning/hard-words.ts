/**
 * The words of a question that a comparison of meanings passes over too easily, and on which the answer hangs: numbers,
 * signs, names, what is quoted, negations, and words that have an opposite. "From Paris to London" is nearer to "from
 * London to Paris" than to most of its own paraphrases. Questions that differ in them, or in their order, differ. It is
 * cheap and sees less than a reader does: names in small letters it does not see.
 */

const lists = [
  // Negations and restrictions: English, German, French, Spanish, Italian, Portuguese, Dutch.
  'not no never none nothing nobody neither nor without cannot except unless only hardly fail fails failed',
  'nicht kein keine keinen keinem keiner nie niemals nichts ohne weder außer nur',
  'ne pas jamais rien sans aucun aucune sauf seulement nunca nada sin ningún ninguna jamás salvo solo',
  'non mai niente senza nessuno nessuna não nem sem niet geen nooit niets zonder alleen',
  // Numbers in words.
  'zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand',
  'million billion dozen half quarter double triple twice first second third fourth fifth last next previous single both',
  'all any some every each',
  // Words with an opposite.
  'before after above below over under more less most least max min maximum minimum greater smaller larger higher lower',
  'increase decrease increases decreases rise fall up down out off enable disable enabled disabled allow deny forbid',
  'start stop open close opened closed buy sell import export encode decode encrypt decrypt compress decompress upload',
  'download input output left right north south east west hot cold true false yes add remove insert delete install',
  'uninstall attach detach lock unlock push pull read write send receive win lose best worst good bad safe legal',
  'illegal possible impossible old new young early late long short fast slow cheap expensive public private local',
  'remote internal external inside outside male female man woman men women boy girl he she his her him husband wife',
  'mother father against ascending descending asc desc pro con pros cons advantages disadvantages',
  'cause causes effect effects today tomorrow yesterday now am pm',
]
const marked: ReadonlySet<string> = new Set(lists.flatMap((list) => list.split(' ')))

/** Capitals at the beginning of a sentence that are no names. */
const openers: ReadonlySet<string> = new Set(
  [
    'a an and are as at be been but by can could did do does explain describe tell give write show list summarize',
    'summarise compare define find for had has have hello hey hi help how i if in is it its let make may me might must',
    'my of on or our please provide say shall should since so suggest thanks thank that the their then there these they',
    'this those translate us use was we were what whats when where which while who whom whose why will with would you',
    'your create generate calculate convert name outline recommend also another first okay ok sure well just',
    'i’m i’d i’ve i’ll it’s that’s what’s how’s where’s who’s there’s let’s we’re you’re',
  ].flatMap((list) => list.split(' ')),
)

/** A word with what joins its parts (3.5, a/b, don't, C++), the sign of a number, a sign by itself, a quotation. */
const pieces =
  /`[^`]{1,400}`|"[^"]{1,400}"|“[^”]{1,400}”|«[^»]{1,400}»|(?<![\p{L}\p{N}])[-−](?=\p{N})|[\p{L}\p{M}\p{N}_]+(?:[._'’@/:#+-]+[\p{L}\p{M}\p{N}_]+)*(?:\+\+|#)?|[<>=≤≥≠±×÷$€£¥%^|&\\*+]|[.!?:;\n]/gu
const sentenceEnd = /^[.!?:;\n]$/
const digit = /\p{N}/u
const capital = /\p{Lu}/u
const joined = /[._@/:#+]/
const prefixed = /^(?:un(?!der|til|it|iv|iq|io|le)|dis|non|anti|im(?=[pmb])|ill|irr)\p{L}{3,}$/u
const denied = /n['’]t$/

/**
 * Null where they cannot be told: scripts without capitals show no names.
 */
export function hardWords(question: string): string | null {
  const text = question.normalize('NFKC')
  if (/\p{Lo}/u.test(text)) return null
  const hard: string[] = []
  let isFirst = true
  for (const [piece] of text.matchAll(pieces)) {
    if (sentenceEnd.test(piece)) isFirst = true
    else {
      const word = piece.toLowerCase()
      if (isHard(piece, word, isFirst)) hard.push(denied.test(word) ? 'not' : word)
      isFirst = false
    }
  }
  return JSON.stringify(hard)
}

function isHard(piece: string, word: string, isFirst: boolean): boolean {
  if (digit.test(piece) || joined.test(piece) || marked.has(word) || denied.test(word)) return true
  if (!/^\p{L}/u.test(piece)) return true // a sign, or a quotation
  if (piece.length === 1) return word !== 'i' && word !== 'a'
  if (prefixed.test(word)) return true
  if (capital.test(piece.slice(1))) return true
  return capital.test(piece) && !openers.has(word.replaceAll("'", '’')) && !(isFirst && openers.has(word))
}
