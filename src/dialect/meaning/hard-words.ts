/**
 * The words of a question that a comparison of meanings passes over too easily, and on which the answer hangs: numbers,
 * signs, names, what is quoted, negations, and words that have an opposite. "From Paris to London" is nearer to "from
 * London to Paris" than to most of its own paraphrases. Questions that differ in them, or in their order, differ. It is
 * cheap and sees less than a reader does: names in small letters it does not see.
 */

const lists = [
  // Negations and restrictions: English, German, French, Spanish, Italian, Portuguese, Dutch.
  'not no never none nothing nobody neither nor without cannot except unless only hardly fail fails failed',
  'cant dont wont isnt arent wasnt werent doesnt didnt couldnt shouldnt wouldnt hasnt havent hadnt mustnt neednt aint',
  'instead exclude include excluding including avoid free paid',
  'nicht kein keine keinen keinem keiner nie niemals nichts ohne weder außer nur',
  'ne pas jamais rien sans aucun aucune sauf seulement nunca nada sin ningún ninguna jamás salvo solo',
  'non mai niente senza nessuno nessuna não nem sem niet geen nooit niets zonder alleen',
  // Numbers in words.
  'zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand',
  'million billion dozen half quarter double triple twice first second third fourth fifth last next previous single both',
  'all any some every each',
  'zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig hundert tausend alle einige deux trois quatre cinq',
  'six sept huit neuf dix onze douze vingt cent mille tous dos tres cuatro cinco seis siete ocho nueve diez once doce',
  'veinte cien mil todos due tre quattro cinque sei sette otto nove dieci venti cento dois três quatro oito dez twee',
  'drie vijf zes zeven negen tien',
  // Units, days and months, which stand in small letters and are near to each other.
  'mm cm m km inch inches foot feet yard yards mile miles mg g kg gram grams kilogram kilograms ounce ounces oz lb lbs',
  'pound pounds ton tons ml l liter liters litre litres gallon gallons celsius fahrenheit kelvin degrees percent',
  'ms second seconds minute minutes hour hours day days week weeks month months year years daily weekly monthly yearly',
  'hourly annual annually kb mb gb tb bit bits byte bytes dollar dollars euro euros yen usd eur gbp',
  'monday tuesday wednesday thursday friday saturday sunday january february march april june july august september',
  'october november december spring summer autumn fall winter morning noon afternoon evening night',
  // Languages, of people and of machines.
  'english german french spanish italian portuguese dutch polish russian ukrainian turkish arabic hebrew hindi chinese',
  'japanese korean swedish norwegian danish finnish greek czech python javascript typescript java rust golang ruby',
  'php kotlin swift perl bash powershell sql mysql postgres postgresql sqlite mongodb redis linux windows macos android',
  'ios json yaml xml csv html css http https tcp udp',
  // Words with an opposite.
  'before after above below over under more less most least max min maximum minimum greater smaller larger higher lower',
  'increase decrease increases decreases rise fall up down out off enable disable enabled disabled allow deny forbid',
  'start stop open close opened closed buy sell import export encode decode encrypt decrypt compress decompress upload',
  'download input output left right north south east west hot cold true false yes add remove insert delete install',
  'uninstall attach detach lock unlock push pull read write send receive win lose best worst good bad safe legal',
  'illegal possible impossible old new young early late long short fast slow cheap expensive public private local',
  'remote internal external inside outside male female man woman men women boy girl he she his her him husband wife',
  'mother father against ascending descending asc desc pro con pros cons advantages disadvantages',
  'vor nach mehr weniger größer kleiner höher niedriger aktivieren deaktivieren öffnen schließen',
  'kaufen verkaufen links rechts erlauben verbieten avant après plus moins activer désactiver ouvrir fermer acheter vendre',
  'antes después más menos activar desactivar abrir cerrar comprar vender prima dopo più meno aprire chiudere',
  'black white red green blue yellow parent child employer employee buyer seller sender receiver client server',
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
