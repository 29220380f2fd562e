/** Figures for people, the same in text and on the page. */

/** Not rounded up: what is not quite a promise must not look like one. Null: a dash. */
export function percentWords(share: number | null, digits = 3): string {
  if (share === null) return '–'
  const factor = 10 ** digits
  return `${(Math.floor(share * 100 * factor + 1e-6) / factor).toFixed(digits)} %`
}

export function countWords(count: number): string {
  return Math.round(count).toLocaleString('en')
}

export function moneyWords(amount: number, currency: string): string {
  return `${amount.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })} ${currency}`
}

/** `2026-11-28 18:15`. */
export function timeWords(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}
