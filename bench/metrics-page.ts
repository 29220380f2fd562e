/** Reading a `/metrics` page. */

export const metricsPage = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()

/** The sum of a metric's series, of those whose labels hold `label`; 0 while there is none. */
export function metricOf(page: string, name: string, label = ''): number {
  const lines = page.split('\n').filter((line) => /^[ {]/.test(line.slice(name.length)) && line.startsWith(name))
  return lines
    .filter((line) => line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
