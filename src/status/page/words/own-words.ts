/**
 * Words of the operator's own, as data: a language that is not shipped, or others for one that is. What is left out
 * stays as it was. A text with places for names and figures has them in braces: `{names} and {more} more`; one that
 * depends on a count may be an object by plural (`one`, `few`, `other`, as CLDR has them).
 */
import { spanIn } from './span.ts'
import type { Words } from './en.ts'

type Data = Readonly<Record<string, unknown>>

/** What may stand in braces, in the order of the arguments; null where they have names of their own. */
const slots: Readonly<Record<string, readonly string[] | null>> = {
  title: ['name'],
  affected: ['names', 'more'],
  noneAffected: ['count'],
  callsOf: ['bad', 'all'],
  eta: null,
  between: ['low', 'high'],
  about: ['span'],
  ...{ 'spans.minute': ['count'], 'spans.hour': ['count'], 'spans.day': ['count'] },
  ...{ 'told.row': ['names', 'last'], 'told.rowMore': ['names', 'more'], 'told.disturbed': ['names'] },
  ...{ 'told.nearlyAll': ['names'], 'told.part': ['percent', 'names'], 'told.some': ['names'] },
  ...{ 'told.began': ['time'], 'told.lasted': ['span'], 'told.affected': ['bad', 'all'] },
  by: ['name'],
  correctedNote: ['count'],
  correctedBy: ['name', 'time'],
  earlier: ['count'],
  barsAlt: ['days', 'troubled', 'level'],
  daysAgo: ['days'],
  good: ['share'],
  goodOf: ['share', 'bad', 'all'],
  uptimeOf: ['share', 'days'],
  moreDays: ['count'],
  minutes: ['count'],
  plotAlt: ['median', 'p95'],
  seconds: ['value'],
}
const etaSlots = ['between', 'about', 'low', 'high', 'zone', 'at']

/** @throws {Error} that says which word is not one, or cannot be used. */
export function ownWords(base: Words, data: unknown): Words {
  if (!isData(data)) throw new Error('it holds no words: an object is expected')
  const { locale = base.locale } = data
  if (typeof locale !== 'string' || Intl.DateTimeFormat.supportedLocalesOf(locale).length === 0)
    throw new Error('`locale` is none that is known')
  const made = merged(base, data, '', new Intl.PluralRules(locale)) as Words
  return isData(data['spans']) ? { ...made, span: (ms) => spanIn(made.spans, ms) } : made
}

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws {Error} from `supportedLocalesOf`, too, for what is no tag at all. */
function merged(base: object, data: Data, path: string, plurals: Intl.PluralRules): object {
  const own = Object.entries(data).map(([name, value]) => {
    const place = path + name
    if (!Object.hasOwn(base, name) || place === 'span') throw new Error(`there is no word \`${place}\``)
    return [name, word((base as Data)[name], value, place, plurals)]
  })
  return { ...base, ...Object.fromEntries(own) }
}

function word(before: unknown, value: unknown, place: string, plurals: Intl.PluralRules): unknown {
  if (typeof before === 'function') return written(value, place, plurals)
  if (Array.isArray(before)) {
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
    throw new Error(`\`${place}\` is a list of texts`)
  }
  if (typeof before === 'object' && before !== null && isData(value)) return merged(before, value, `${place}.`, plurals)
  if (typeof before === 'string' && typeof value === 'string') return value
  throw new Error(`\`${place}\` is ${typeof before === 'string' ? 'a text' : 'an object of texts'}`)
}

type Given = string | number | boolean
type Texts = Readonly<Record<string, string>>

function written(value: unknown, place: string, plurals: Intl.PluralRules): (...given: unknown[]) => string {
  const names = slots[place] ?? null
  const texts = textsOf(value, place)
  for (const text of Object.values(texts))
    for (const [, name = ''] of text.matchAll(/\{(\w+)\}/g))
      if (!(names ?? etaSlots).includes(name)) throw new Error(`\`${place}\` has no place for \`{${name}}\``)
  return (...told) => {
    const [first] = told
    // An estimate comes as one object, which has the names itself.
    const given = (names ? told : etaSlots.map((name) => isData(first) && first[name])) as Given[]
    const places = names ?? etaSlots
    const count = given.find((each) => typeof each === 'number') ?? given[0]
    const text = texts[plurals.select(Number(count))] ?? texts['other'] ?? ''
    return text.replace(/\{(\w+)\}/g, (_, name: string) => String(given[places.indexOf(name)] ?? ''))
  }
}

function textsOf(value: unknown, place: string): Texts {
  if (typeof value === 'string') return { other: value }
  const isByPlural = isData(value) && typeof value['other'] === 'string'
  if (isByPlural && Object.values(value).every((each) => typeof each === 'string')) return value as Texts
  throw new Error(`\`${place}\` is a text, or an object of texts by plural with \`other\` among them`)
}
