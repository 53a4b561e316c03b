/** Launches a census as a process of its own and, should that process die, tells the aggregator so. Takes the flags of main.js. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { reportProcessEnd } from 'enginescope/reporter'
import { aggregator } from '../settings.ts'

const target = aggregator()
const args = process.argv.slice(2)
const named = args.indexOf('--run')
const run = named < 0 ? `census-${process.pid}` : (args[named + 1] ?? '')
const child = spawn(process.execPath, [fileURLToPath(new URL('main.js', import.meta.url)), ...args, '--run', run], {
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))

const [exitCode, signal]: (number | string | null)[] = await once(child, 'exit')
// A run that fails or is stopped says so itself; a process that a signal ended could not.
if (signal !== null) {
  const { taken, code } = await reportProcessEnd({ ...target, timeoutMs: 30_000 }, run, { message: `ended by ${signal}` })
  console.error(taken ? `the process of ${run} was ended by ${signal}` : `nobody was told of the end of ${run}: ${code}`)
}
process.exitCode = typeof exitCode === 'number' ? exitCode : 1
