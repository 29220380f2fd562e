/** Moments, days and shares in the language of a page, in the time zone that the page names. */
import { isMoment } from '../../ground/iso-time.ts'

export class PageTime {
  readonly zone: string
  #locale: string
  #made = new Map<string, Intl.DateTimeFormat>()

  /** A zone that does not exist is UTC. */
  constructor(locale: string, zone: string) {
    this.#locale = locale
    this.zone = isZone(zone) ? zone : 'UTC'
  }

  /** `18:40`. */
  clock(ms: number): string {
    return this.#format('clock', { hour: '2-digit', minute: '2-digit', hour12: false }, ms)
  }

  /** `28 Nov 2026, 18:40 UTC`. */
  full(ms: number): string {
    const options = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' } as const
    return this.#format('full', { ...options, hour12: false, timeZoneName: 'short' }, ms)
  }

  /** As `full`, but of two moments of one day the day is said once. */
  range(fromMs: number, toMs: number): string {
    return this.dayOf(fromMs) === this.dayOf(toMs)
      ? `${this.date(fromMs)}, ${this.clock(fromMs)} – ${this.clock(toMs)} ${this.zoneName(toMs)}`
      : `${this.full(fromMs)} – ${this.full(toMs)}`
  }

  /** `28 Nov 2026`. */
  date(ms: number): string {
    return this.#format('date', { day: 'numeric', month: 'short', year: 'numeric' }, ms)
  }

  /** `18:40` where that is the same day as `nearMs`, else `29 Nov 2026, 18:40`. */
  soon(ms: number, nearMs: number): string {
    return this.dayOf(ms) === this.dayOf(nearMs) ? this.clock(ms) : `${this.date(ms)}, ${this.clock(ms)}`
  }

  zoneName(ms: number): string {
    const parts = isMoment(ms) ? this.#formatter('zone', { timeZoneName: 'short' }).formatToParts(ms) : []
    return parts.find(({ type }) => type === 'timeZoneName')?.value ?? this.zone
  }

  /** A day of UTC, such as `2026-11-28`: `28 Nov`. */
  day(day: string): string {
    return this.#format('day', { day: 'numeric', month: 'short', timeZone: 'UTC' }, Date.parse(`${day}T00:00:00Z`))
  }

  /** `2026-11`, in the page's zone. */
  monthOf(ms: number): string {
    return this.dayOf(ms).slice(0, 7)
  }

  /** `2026-11-28`, in the page's zone. */
  dayOf(ms: number): string {
    if (!isMoment(ms)) return ''
    const parts = this.#formatter('parts', { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(ms)
    const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? ''
    return `${part('year')}-${part('month')}-${part('day')}`
  }

  /** `2026-11`: `November 2026`. */
  month(month: string): string {
    const ms = Date.parse(`${month}-15T12:00:00Z`)
    return this.#format('month', { month: 'long', year: 'numeric', timeZone: 'UTC' }, ms)
  }

  count(value: number): string {
    return Number.isFinite(value) ? Math.round(value).toLocaleString(this.#locale) : '–'
  }

  /** With up to three digits that matter. */
  number(value: number): string {
    return value.toLocaleString(this.#locale, { maximumSignificantDigits: 3 })
  }

  /** Rounded down, so that only all is 100 %: `99.98 %`. */
  share(share: number | null): string {
    if (share === null || !Number.isFinite(share)) return '–'
    const digits = share >= 1 ? 0 : share > 0.9999 ? 3 : 2
    const floored = Math.floor(Math.min(1, Math.max(0, share)) * 100 * 10 ** digits + 1e-7) / 10 ** digits
    const shown = floored.toLocaleString(this.#locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
    return `${shown} %`
  }

  #format(name: string, options: Intl.DateTimeFormatOptions, ms: number): string {
    return isMoment(ms) ? this.#formatter(name, options).format(ms) : '–'
  }

  #formatter(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    const known = this.#made.get(name)
    if (known) return known
    const made = new Intl.DateTimeFormat(this.#locale, { timeZone: this.zone, ...options })
    this.#made.set(name, made)
    return made
  }
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
