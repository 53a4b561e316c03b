// One run of a program in a process of its own, told over IPC what to publish. Started by runtime-process.ts.
import { createRuntime } from 'enginescope/reporter'

const options = JSON.parse(process.argv[2] ?? '{}')
const runtime = createRuntime({
  ...options,
  onKill: () => process.send?.({ said: 'kill' }),
  onShutdown: () => process.send?.({ said: 'shutdown' }),
  onProblem: (problem) => process.send?.({ said: 'problem', problem }),
})
process.on('message', ({ publish = [], key }) => {
  const ids = publish.map(([topic, message]) => runtime.publish(topic, message, key) ?? null)
  process.send?.({ said: 'published', ids })
})
process.on('disconnect', () => process.exit(0))
process.send?.({ said: 'ready', url: (await runtime.listening) ?? null, epoch: runtime.epoch, topics: runtime.topics })
