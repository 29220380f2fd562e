/**
 * WAPE of a careful mixture on the last 40 % of the same series, as published with them, in %; by series and horizon.
 */
export const publishedWape: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  nasa: { 5: 30.1, 60: 32.8 },
  'azure2024-code': { 15: 9.6, 60: 12.1 },
  gentd26: { 60: 70.7 },
  'burstgpt-tokens': { 60: 80.9 },
  'servegen-m-small': { 10: 6.3, 60: 11 },
  'servegen-m-large': { 10: 12.3, 60: 21.2 },
}
