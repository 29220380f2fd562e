/**
 * A browser's EventSource in a process of its own, since Node has one only behind a flag. Tells on its output, a line
 * of JSON each, what it hears and when it ends for good.
 */
const [url = ''] = process.argv.slice(2)
const tell = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

// Node's EventSource does not keep the process alive while it waits to come back; nobody waits for longer than this.
setTimeout(() => process.exit(1), 60_000)
const source = new EventSource(url)
source.addEventListener('open', () => tell({ is: 'open' }))
source.addEventListener('message', ({ lastEventId, data }) =>
  tell({ is: 'event', id: lastEventId, data: String(data) }),
)
source.addEventListener('error', () => {
  const isOver = source.readyState === EventSource.CLOSED
  tell({ is: isOver ? 'over' : 'lost' })
  if (isOver) process.exit(0)
})
