// Words of the operator's own: what they may be, and what is said of those that cannot be used.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { troubledView } from '../../../../test/status/page-views.ts'
import { pageFiles } from '../page-files.ts'
import { en } from './en.ts'
import { wordsOf } from './languages.ts'
import { ownWords } from './own-words.ts'

const french = {
  name: 'Français',
  locale: 'fr-FR',
  status: 'État',
  spans: {
    minute: { one: '{count} minute', other: '{count} minutes' },
    hour: { one: '{count} heure', other: '{count} heures' },
    day: { one: '{count} jour', other: '{count} jours' },
  },
  affected: 'Touchés : {names}.',
  eta: 'Encore {between} environ, soit de {low} à {high} {zone}.',
  between: '{low} à {high}',
  told: {
    row: '{names} et {last}',
    titles: { partial_outage: 'certains appels échouent' },
    part: 'Environ {percent} % des appels à {names} échouent ou sont lents.',
    began: 'Début à {time}.',
  },
}

test('a language that is not shipped is one file of words; what it leaves out is English', () => {
  const languages = wordsOf(['en', 'fr'], new Map([['fr', french]]))
  const setting = { languages, logo: null, staleMinutes: 10, feeds: [], canSubscribe: false }
  const page = pageFiles(troubledView(), setting).find(({ path }) => path === 'fr/index.html')
  const text = page?.bytes.toString() ?? ''
  assert.match(text, /<html lang="fr"/)
  assert.match(text, /gpt-oss 120b et Llama 4 Scout: certains appels échouent/)
  assert.match(
    text,
    /Environ 35 % des appels à gpt-oss 120b échouent ou sont lents\. Début à 17:38 UTC\. We are looking/,
  )
  assert.match(text, /Encore 15 minutes à 3 heures environ, soit de 18:27 à 21:02 UTC\./)
  assert.match(text, /<dd>42 minutes<\/dd>/)
  assert.match(text, /hreflang="en"[^]*Français/)
})

test('words of a shipped language can be others, and plurals go by the language', () => {
  const [words] = wordsOf(['en'], new Map([['en', { banners: { operational: 'All is well' } }]]))
  assert.equal(words?.banners.operational, 'All is well')
  assert.equal(words?.banners.major_outage, en.banners.major_outage)
  const earlier = { one: '{count} wpis', few: '{count} wpisy', many: '{count} wpisów', other: '{count} wpisu' }
  const polish = ownWords(en, { locale: 'pl', earlier })
  assert.deepEqual([1, 3, 5].map(polish.earlier), ['1 wpis', '3 wpisy', '5 wpisów'])
})

test('every text with places takes a text of one’s own', () => {
  const paths = (part: object, path = ''): string[] =>
    Object.entries(part).flatMap(([name, each]) =>
      typeof each === 'function'
        ? [path + name]
        : typeof each === 'object'
          ? paths(each as object, `${path}${name}.`)
          : [],
    )
  for (const path of paths(en).filter((each) => each !== 'span')) {
    const data = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), 'own')
    assert.ok(ownWords(en, data), path)
    const wrong = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), '{nonsense}')
    assert.throws(() => ownWords(en, wrong), /has no place for `\{nonsense\}`/, path)
  }
})

test('what cannot be used is named', () => {
  const cases: [unknown, RegExp][] = [
    [[], /an object is expected/],
    [{ statuss: 'x' }, /there is no word `statuss`/],
    [{ told: { titles: { bad: 'x' } } }, /there is no word `told.titles.bad`/],
    [{ status: 1 }, /`status` is a text/],
    [{ by: 'By {nobody}' }, /`by` has no place for `\{nobody\}`/],
    [{ earlier: { one: 'x' } }, /`other` among them/],
    [{ countingText: 'x' }, /a list of texts/],
    [{ locale: 'xx-nowhere' }, /locale/],
    [{ __proto__: null, toString: 'x' }, /there is no word/],
  ]
  for (const [data, message] of cases) assert.throws(() => ownWords(en, data), message)
  assert.throws(() => wordsOf(['fr']), /no words for the language fr/)
})
