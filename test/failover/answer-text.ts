/** The one answer of the failover table: sixty words, fixed, compared character by character. */

export const answerText = [
  'Every evening the keeper of the lighthouse counts the ships that pass, writes each name into a blue ledger',
  '— Señora, Café Zürich, 東京 — and trims the lamp until it burns without a flicker. When fog rolls in 🌫 he',
  'rings the bell, twelve strokes, then listens. Someone alters course, and never learns how near the rocks',
  'had been.',
].join(' ')

/** As a model would say it: the first word, then each with the blank before it. Joined they are the text. */
export function piecesOf(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? []
}

/** The question all callers ask; calls that do not say this are the gateway's own (probes of what a server can do). */
export const question = 'Recite the entry of the lighthouse.'
