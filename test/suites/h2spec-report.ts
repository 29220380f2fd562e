/** Reads what h2spec writes down of a run: the form of JUnit, as far as h2spec uses it. */

export interface H2specFailure {
  readonly section: string
  readonly name: string
  readonly expected: string
  readonly actual: string
}

export interface H2specReport {
  readonly cases: number
  readonly passed: number
  readonly sections: readonly { readonly name: string; readonly cases: number; readonly passed: number }[]
  readonly failures: readonly H2specFailure[]
}

/** @throws {Error} for what is no report */
export function readH2specReport(xml: string): H2specReport {
  const suites = [...xml.matchAll(/<testsuite name="([^"]*)" package="([^"]*)"[^>]*>([\s\S]*?)<\/testsuite>/g)]
  if (suites.length === 0) throw new Error('this is no report of h2spec')
  const failures: H2specFailure[] = []
  const sections = suites.map(([, title = '', place = '', body = '']) => {
    const name = `${place.split('/')[0]} ${plain(title)}`
    const found = [...body.matchAll(/<testcase [^>]*classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)]
    const failed = found.filter(([, , inner = '']) => /<(failure|error|skipped)/.test(inner))
    for (const [, title = '', inner = ''] of failed)
      failures.push({ section: name, name: plain(title), ...said(inner) })
    return { name, cases: found.length, passed: found.length - failed.length }
  })
  const sum = (of: (each: (typeof sections)[number]) => number): number => sections.reduce((all, x) => all + of(x), 0)
  return { cases: sum((x) => x.cases), passed: sum((x) => x.passed), sections, failures }
}

/** One a line: what would have been right, and then what came. */
function said(inner: string): { expected: string; actual: string } {
  const lines = plain(/>([\s\S]*)</.exec(inner)?.[1] ?? '').split('\n')
  return { expected: lines.slice(0, -1).join(', or '), actual: lines.at(-1) ?? '' }
}

function plain(text: string): string {
  return text
    .replace(/&#x?[0-9a-f]+;/gi, (code) => String.fromCodePoint(Number(code.slice(2, -1).replace(/^x/i, '0x'))))
    .replace(/&(lt|gt|quot|apos);/g, (_, name: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'" })[name] ?? '')
    .replaceAll('&amp;', '&')
}
