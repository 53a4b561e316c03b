import { readFileSync } from 'node:fs'

/** Linux counts processor time of processes in hundredths of a second for every program. */
const microsecondsPerTick = 10_000
/** Positions behind the name, which stands in brackets and may hold blanks. */
const userAt = 11
const systemAt = 12

/** Processor time of a process so far, all of its threads, in microseconds. Resolution: 10 ms. */
export function cpuMicroseconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[userAt]) + Number(fields[systemAt])) * microsecondsPerTick
}
