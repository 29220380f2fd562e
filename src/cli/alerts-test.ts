/** `holdfast alerts test`: sends one receiver a test alert and its end, and says what became of it. */
import { type AlertNews, noticeOf } from '../alert/mailbox.ts'
import { readConfigFile } from '../config-file.ts'
import { nearestName } from '../ground/name.ts'
import { openReceivers, resolveAlerts } from '../house/open-alerts.ts'

/** @throws {Error} in words that name the cure. */
export async function testReceiver(file: string, name: string): Promise<void> {
  const config = readConfigFile(file, process.env)
  const names = Object.keys(config.alerts.receivers)
  if (!names.includes(name)) {
    const near = nearestName(name, names)
    const cure = near
      ? `Did you mean ${near}?`
      : names.length > 0
        ? `There are: ${names.join(', ')}.`
        : 'There are none: see `alerts.receivers`.'
    throw new Error(`${file} has no receiver named ${JSON.stringify(name)}. ${cure}`)
  }
  const receiver = openReceivers(config, resolveAlerts(config)).find((each) => each.name === name)
  if (!receiver) return
  const firedMs = Date.now()
  const alert: AlertNews = {
    // One of its own each time, so that nobody takes it for one that was told before.
    identity: `TestAlert/${firedMs}`,
    condition: {
      name: 'TestAlert',
      severity: 'info',
      labels: { receiver: name },
      summary: 'this is a test, nothing is wrong',
      cure: 'Nothing is to be done.',
    },
    firedMs,
    endedMs: null,
  }
  try {
    for (const endedMs of [null, firedMs + 1])
      await receiver.deliver(noticeOf('TestAlert', [{ ...alert, endedMs }]), firedMs)
  } catch (error) {
    throw new Error(`${name} did not take it: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
  process.stdout.write(`${name} took a test alert and its end.\n`)
}
