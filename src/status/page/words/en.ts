/** The words of the page in English; every other language has the same, and the compiler sees to it. */

const one = (count: number, single: string, many: string): string => (count === 1 ? single : many)

function span(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  if (minutes === 1) return 'a minute'
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}

/** An estimate, its moments as they are shown. */
interface EtaTold {
  readonly said: string
  readonly low: string
  readonly median: string
  readonly high: string
  readonly zone: string
  readonly at: string
}

export const en = {
  /** As in `lang`, and for numbers and dates. */
  tag: 'en',
  locale: 'en-GB',
  name: 'English',
  title: (name: string) => `${name}: status`,
  toContent: 'To the content',
  navigation: 'Pages',
  status: 'Status',
  history: 'History',
  languages: 'Languages',
  levels: {
    operational: 'Operational',
    degraded_performance: 'Degraded performance',
    partial_outage: 'Partial outage',
    major_outage: 'Major outage',
    under_maintenance: 'Under maintenance',
  },
  banners: {
    operational: 'All systems operational',
    degraded_performance: 'Some calls are slow or fail',
    partial_outage: 'Partial outage',
    major_outage: 'Major outage',
    under_maintenance: 'Maintenance under way',
  },
  affected: (names: string, more: number) => `Affected: ${names}${more > 0 ? ` and ${more} more` : ''}.`,
  noneAffected: (count: number) =>
    `${count} ${one(count, 'component', 'components')}, measured by the calls themselves.`,
  asOf: 'As of',
  stale: 'The figures below are old: no new ones have come in. It may be worse, or better, than they say.',
  incidents: 'Current incidents',
  stages: {
    investigating: 'Investigating',
    identified: 'Cause found',
    monitoring: 'Watching',
    resolved: 'Resolved',
  },
  causes: {
    overload: 'overload',
    network: 'the network',
    maintenance: 'a change that was being put in place',
    'third-party': 'a provider that we rely on',
    application: 'a model server',
    client: 'calls of one kind',
    gateway: 'our own gateway',
  } as Readonly<Record<string, string>>,
  impacts: { none: 'No impact', minor: 'Minor impact', major: 'Major impact', critical: 'Critical impact' },
  began: 'Began',
  lasts: 'Going on for',
  lasted: 'Lasted',
  cause: 'Cause',
  components: 'Components',
  calls: 'Calls affected',
  callsOf: (bad: string, all: string) => `${bad} of ${all}`,
  expected: 'Expected end',
  /** `said`: the estimate in English, from the moment when it was made; may be empty. */
  eta: ({ said, low, median, high, zone, at }: EtaTold) =>
    said === ''
      ? `Probably between ${low} and ${high} ${zone}, most likely around ${median}. Estimated at ${at}.`
      : `${said.replace(/\.?$/, '')}. That is between ${low} and ${high} ${zone}, as estimated at ${at}.`,
  /** `said`: why there are no numbers, in English. */
  etaUnknown: (said: string) => said,
  etaPassed: 'This takes longer than we expected. A new estimate will follow.',
  updates: 'Updates',
  byMeasure: 'Written automatically, from measurements',
  by: (name: string) => `Written by ${name}`,
  correctedNote: (count: number) =>
    count === 1 ? 'Corrected: show the earlier text' : `Corrected ${count} times: show the earlier texts`,
  correctedBy: (name: string, time: string) => `Replaced by ${name}, ${time}:`,
  earlier: (count: number) => `${count} earlier ${one(count, 'update', 'updates')}`,
  maintenance: 'Maintenance',
  maintenanceStages: { scheduled: 'Planned', in_progress: 'Under way', completed: 'Done', cancelled: 'Cancelled' },
  barsAlt: (days: number, troubled: number, level: string) =>
    `The last ${days} days: ${troubled === 0 ? 'none' : troubled} with trouble. Now: ${level}.`,
  noDays: 'Nothing has been measured yet.',
  daysAgo: (days: number) => (days === 0 ? 'today' : `${days} ${one(days, 'day', 'days')} ago`),
  today: 'today',
  good: (share: string) => `${share} of calls answered well`,
  figures: 'Figures',
  goodTerm: 'Calls answered well',
  goodOf: (share: string, bad: string, all: string) => `${share} (${bad} of ${all} calls failed or were slow)`,
  uptimeTerm: 'Minutes without an outage',
  uptimeOf: (share: string, days: number) =>
    `${share} of those that were watched, over ${days} ${one(days, 'day', 'days')}`,
  troubledDays: 'Days with trouble',
  moreDays: (count: number) => `and ${count} more`,
  day: 'Day',
  level: 'Worst of the day',
  outageMinutes: 'Outage',
  minutes: (count: string) => `${count} min`,
  counting: 'What is counted',
  countingText: [
    'Calls answered well: of all calls that came, those that got a whole answer, in time. What fails because of the caller is not counted against us.',
    'Minutes without an outage: a minute counts as an outage where so many calls failed that the component was in partial or major outage. Minutes in which nothing was watched count neither way.',
    'Every figure comes from the calls themselves; nobody sets it by hand. Days are days of UTC.',
  ],
  responseTimes: 'Time to the first token',
  median: 'half of the calls are faster',
  p95: '95 of 100 calls are faster',
  plotAlt: (median: string, p95: string) => `Last: half of the calls within ${median}, 95 of 100 within ${p95}.`,
  plotTable: 'Show as a table',
  time: 'Time',
  medianTerm: 'Median',
  p95Term: '95th percentile',
  seconds: (value: string) => `${value} s`,
  past: 'The last days',
  noIncidents: 'No incidents.',
  noIncidentsMonth: 'No incidents and no maintenance in this month.',
  whole: 'The whole history',
  months: 'Months',
  feeds: 'Follow',
  subscribe: 'Get updates by e-mail',
  email: 'Your address',
  subscribeNow: 'Subscribe',
  onlyAbout: 'Only about (none chosen: about all)',
  subscribeNote: 'You get a mail with a link to confirm, and nothing before. Every mail has a link to end it.',
  made: 'Measured and written by Holdfast.',
  lostTitle: 'There is no such page',
  lostText: 'It may be about something that was long ago.',
  lostLink: 'To the status',
  span,
}

export type Words = typeof en
