/** An engine that has nothing to do: its heartbeats alone keep it live. */
import { parseArgs } from 'node:util'
import { createReporter } from 'enginescope/reporter'
import { aggregator } from './settings.ts'

const { values } = parseArgs({ options: { instance: { type: 'string', default: 'standby-1' } } })
const scope = createReporter({
  ...aggregator(),
  engine: { engineType: 'standby', instance: values.instance },
  taskLimit: 4,
})

async function leave(): Promise<void> {
  await scope.close()
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void leave())

// The reporter lets a process end that has nothing else to do; this one waits for work that never comes.
setInterval(() => {}, 60_000)
