/** Dates of HTTP, RFC 9110 section 5.6.7: the one form that is written and the two old ones that are still read. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const month = months.join('|')
const clock = String.raw`(\d{2}):(\d{2}):(\d{2})`
/** Letters in another case are forgiven, anything else is not: a date that is no date means "in the past". */
const fixed = new RegExp(String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) (${month}) (\d{4}) ${clock} GMT$`, 'i')
const rfc850 = new RegExp(
  String.raw`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-(${month})-(\d{2}) ${clock} GMT$`,
  'i',
)
const asctime = new RegExp(String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (${month}) ([ \d]\d) ${clock} (\d{4})$`, 'i')
const textLengthMax = 40
const fiftyYearsMs = 50 * 365.25 * 86_400_000

/** Milliseconds since 1970, or null for what is no date. @param nowMs tells the century of a year of two digits */
export function parseHttpDate(text: string, nowMs: number): number | null {
  if (text.length > textLengthMax) return null
  const usual = fixed.exec(text)
  if (usual) {
    const [, day, name, year, ...time] = usual
    return momentOf(year, name, day, time)
  }
  const old = rfc850.exec(text)
  if (old) {
    const [, day, name, shortYear, ...time] = old
    const century = Math.floor(new Date(nowMs).getUTCFullYear() / 100)
    const ms = momentOf(`${century}${shortYear}`, name, day, time)
    // One that seems to lie more than fifty years ahead is of the last century.
    return ms !== null && ms > nowMs + fiftyYearsMs ? momentOf(`${century - 1}${shortYear}`, name, day, time) : ms
  }
  const [, name, day, hours, minutes, seconds, year] = asctime.exec(text) ?? []
  return name === undefined ? null : momentOf(year, name, day, [hours, minutes, seconds])
}

/** As it is written. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

type Part = string | undefined

function momentOf(year: Part, name: Part, day: Part, time: readonly Part[]): number | null {
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number)
  const monthIndex = months.findIndex((each) => each.toLowerCase() === name?.toLowerCase())
  if (hours > 23 || minutes > 59 || seconds > 60) return null
  const ms = Date.UTC(Number(year), monthIndex, Number(day), hours, minutes, seconds)
  return new Date(ms).getUTCDate() === Number(day) || seconds === 60 ? ms : null
}
