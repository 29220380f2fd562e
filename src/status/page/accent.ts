/**
 * A colour of one's own, made readable: moved towards black on the light ground and towards white on the dark one until
 * it has the contrast that WCAG 2 asks of text (1.4.3: 4.5 to 1).
 */

const contrastMin = 4.6
/** The cards and the grounds they lie on (web/status/style.css): the less favourable of each. */
const lightGround = '#eceff3'
const darkGround = '#28313d'
const steps = 20

type Colour = readonly [number, number, number]

function read(hex: string): Colour {
  const value = Number.parseInt(hex.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

function write(colour: Colour): string {
  return `#${colour.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`
}

/** Relative luminance, as WCAG 2 defines it. */
function luminance(colour: Colour): number {
  const [red = 0, green = 0, blue = 0] = colour.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(read(one)), luminance(read(other))]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

/** The nearest of its kind that can be read on the ground. */
function readable(hex: string, ground: string, towards: 0 | 255): string {
  const from = read(hex)
  for (let step = 0; step < steps; step++) {
    const mixed = write(from.map((part) => part + ((towards - part) * step) / steps) as unknown as Colour)
    if (contrast(mixed, ground) >= contrastMin) return mixed
  }
  return towards === 0 ? '#000000' : '#ffffff'
}

/** Both, for light and for dark. `hex`: as in `#1f6fb2`. */
export function accents(hex: string): { readonly light: string; readonly dark: string } {
  return { light: readable(hex, lightGround, 0), dark: readable(hex, darkGround, 255) }
}

/** For the end of the style sheet. */
export function accentRules(hex: string): string {
  const { light, dark } = accents(hex)
  return `:root{--accent:${light}}@media(prefers-color-scheme:dark){:root{--accent:${dark}}}\n`
}
