/** The words of the page in English; every other language has the same, and the compiler sees to it. */
import type { CauseClass } from '../../../diagnosis/cause.ts'
import type { Level } from '../../incident.ts'

const one = (count: number, single: string, many: string): string => (count === 1 ? single : many)

function span(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  if (minutes === 1) return 'a minute'
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}

/** An estimate: how much longer, and the moments, as they are shown. */
interface EtaTold {
  readonly between: string
  readonly about: string
  readonly low: string
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
  /** Of which automatic titles and texts are made. `names`: of components. */
  told: {
    all: 'all',
    row: (names: string, last: string) => `${names} and ${last}`,
    rowMore: (names: string, more: number) => `${names} and ${more} more`,
    titles: {
      operational: 'a short disturbance',
      degraded_performance: 'slower than usual, or some calls fail',
      partial_outage: 'some calls fail',
      major_outage: 'most calls fail',
    } as Readonly<Record<Level, string>>,
    disturbed: (names: string) => `Calls to ${names} were disturbed for a short time.`,
    nearlyAll: (names: string) => `Nearly all calls to ${names} fail or are slow.`,
    part: (percent: number, names: string) => `About ${percent} % of the calls to ${names} fail or are slow.`,
    some: (names: string) => `Some calls to ${names} fail or are slow.`,
    began: (time: string) => `It began at ${time}.`,
    back: 'It has come back.',
    searching: 'We are looking for the cause.',
    /** For whom it is nobody's business what exactly: the classes of the table of causes. */
    causes: {
      overload: 'More is being asked than can be answered at the moment.',
      network: 'There is a problem in the network on the way to the model servers.',
      maintenance: 'It came with a change that was being put in place.',
      'third-party': 'A provider that we rely on has a problem.',
      application: 'A model server has failed.',
      client: 'It comes from calls of one kind.',
      gateway: 'The fault is in our own gateway.',
    } as Readonly<Record<CauseClass, string>>,
    watched: 'Calls are answered again. We keep an eye on it.',
    over: 'This is over.',
    lasted: (span: string) => `It lasted ${span}.`,
    affected: (bad: string, all: string) => `${bad} of ${all} calls were affected.`,
  },
  impacts: { none: 'No impact', minor: 'Minor impact', major: 'Major impact', critical: 'Critical impact' },
  began: 'Began',
  lasts: 'Going on for',
  lasted: 'Lasted',
  cause: 'Cause',
  components: 'Components',
  calls: 'Calls affected',
  callsOf: (bad: string, all: string) => `${bad} of ${all}`,
  expected: 'Expected end',
  eta: ({ between, about, low, high, zone, at }: EtaTold) =>
    `Probably ${between} more${between === about ? '' : `, most likely ${about}`}. That is between ${low} and ${high} ${zone}, as estimated at ${at}.`,
  between: (low: string, high: string) => `${low} to ${high}`,
  about: (span: string) => `about ${span}`,
  /** `count`: such as `1½`; `isOne`: exactly one. */
  spans: {
    minute: (count: string, isOne: boolean) => `${count} ${isOne ? 'minute' : 'minutes'}`,
    hour: (count: string, isOne: boolean) => `${count} ${isOne ? 'hour' : 'hours'}`,
    day: (count: string, isOne: boolean) => `${count} ${isOne ? 'day' : 'days'}`,
  },
  etaUnknown: 'How long it will last cannot be said honestly yet.',
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
  minutes: (count: string) => `${count}\u00a0min`,
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
  seconds: (value: string) => `${value}\u00a0s`,
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
