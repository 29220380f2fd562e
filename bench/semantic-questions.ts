/** Questions for the bench of the semantic cache: of the same meaning, or of another each time, none asked twice. */

const polite = ['please', 'could you', 'can you', 'might you', 'I can']
const topics = ['weather', 'kitchen', 'garden', 'engine', 'library', 'river', 'market', 'school', 'forest', 'music']

/** Alike but for small words; a different spelling for each number. */
export function paraphrase(number: number): string {
  let rest = number
  const words: string[] = []
  do {
    words.push(polite[rest % polite.length] as string)
    rest = Math.floor(rest / polite.length)
  } while (rest > 0)
  return `${words.join(' ')} explain how the sourdough bread is baked`
}

/** Has nothing to do with others. */
export function other(number: number): string {
  const letters = Array.from(String(number), (digit) => 'abcdefghij'[Number(digit)]).join('')
  return `explain the ${topics[number % topics.length]} of ${letters}land and its ${letters}dom`
}
