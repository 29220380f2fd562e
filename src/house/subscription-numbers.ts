/** Subscriptions to the status as metrics: who is told on which way, and what became of the messages. */
import type { Numbers } from '../observe/metric.ts'
import type { MetricNumbers } from '../observe/openmetrics.ts'
import type { SubscriptionReport, WayReport } from '../status/subscription/subscription-desk.ts'

type Value = MetricNumbers['values'][number]

export function subscriptionNumbers({ ways, crowdedOut }: SubscriptionReport): Numbers {
  const each = (values: (way: WayReport) => Readonly<Record<string, number>>, label: string): Value[] =>
    ways.flatMap((way) =>
      Object.entries(values(way)).map(([name, value]) => ({ labels: { way: way.way, [label]: name }, value })),
    )
  return [
    {
      ...gauge('holdfast_status_subscribers', 'Who asked to be told of incidents, by way and state.'),
      values: each(({ confirmed, unconfirmed }) => ({ confirmed, unconfirmed }), 'state'),
    },
    {
      ...gauge('holdfast_status_messages_waiting', 'Messages to subscribers that are yet to be delivered.'),
      values: ways.map(({ way, waiting }) => ({ labels: { way }, value: waiting })),
    },
    {
      ...counter(
        'holdfast_status_messages_total',
        'Tries to deliver a message to a subscriber, `delivered` and `failed`, and messages that were `given_up`.',
      ),
      values: each(({ delivered, failed, givenUp }) => ({ delivered, failed, given_up: givenUp }), 'outcome'),
    },
    {
      ...counter('holdfast_status_subscribers_removed_total', 'Subscribers whom nothing reached for too long.'),
      values: ways.map(({ way, removed }) => ({ labels: { way }, value: removed })),
    },
    {
      ...counter(
        'holdfast_status_messages_crowded_out_total',
        'Messages to subscribers that too many others followed.',
      ),
      values: [{ labels: {}, value: crowdedOut }],
    },
  ]
}

const gauge = (name: string, help: string): Omit<MetricNumbers, 'values'> => ({
  ...{ name, help, type: 'gauge', aggregator: 'max' },
})
const counter = (name: string, help: string): Omit<MetricNumbers, 'values'> => ({
  ...{ name, help, type: 'counter', aggregator: 'sum' },
})
