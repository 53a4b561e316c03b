/** Coordinates a word count: cuts the texts into splits, has them mapped and reduced by workers, reports for the whole job. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createReporter, type Task } from 'enginescope/reporter'
import { aggregator, count } from '../settings.ts'
import { hireCrew } from './crew.ts'
import type { Answer, Order } from './messages.ts'
import { splitsOf, textsBelow } from './texts.ts'
import { topWords } from './words.ts'

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.' },
    job: { type: 'string', default: `word-count-${process.pid}` },
    workers: { type: 'string', default: '3' },
    reducers: { type: 'string', default: '3' },
    'bytes-max': { type: 'string', default: '16000000' },
    'split-bytes': { type: 'string', default: '1000000' },
    'bytes-per-second': { type: 'string', default: '250000' },
  },
})

const workers = count('workers', values.workers)
const reducers = count('reducers', values.reducers)
const bytesMax = count('bytes-max', values['bytes-max'])
const splitBytes = count('split-bytes', values['split-bytes'])

/** What the job needs to know of its stages, as its report says it. */
function stages(task: Task, mapTasks: number, reduceTasks: number) {
  const state = { map: { running: 0, done: 0 }, reduce: { running: 0, done: 0 } }
  const entry = (id: 'map' | 'reduce', totalTasks: number) => {
    return { id, totalTasks, runningTasks: state[id].running, failedTasks: 0, succeedTasks: state[id].done }
  }
  return (id: 'map' | 'reduce') => (counts: { running: number; done: number }) => {
    state[id] = counts
    const done = state.map.done + state.reduce.done
    task.update({
      progress: done / (mapTasks + reduceTasks),
      progressInfo: [entry('map', mapTasks), entry('reduce', reduceTasks)],
    })
  }
}

function mapOrders(splits: ReturnType<typeof splitsOf>, folder: string, reducers: number): Order[] {
  return splits.map((texts, index) => {
    const id = `map-${String(index).padStart(3, '0')}`
    return { kind: 'map', id, texts, spills: Array.from({ length: reducers }, (_, r) => join(folder, `${id}.${r}.json`)) }
  })
}

function reduceOrders(maps: readonly Order[], reducers: number): Order[] {
  return Array.from({ length: reducers }, (_, r) => ({
    kind: 'reduce',
    id: `reduce-${r}`,
    spills: maps.map(({ spills }) => spills[r] ?? ''),
  }))
}

function wordsOf(answers: readonly Answer[]): number {
  return answers.reduce((sum, answer) => sum + (answer.kind === 'done' ? answer.words : 0), 0)
}

const scope = createReporter({
  ...aggregator(),
  engine: { engineType: 'word-count', engineVersion: '1', instance: 'word-count-coordinator' },
  taskLimit: 1,
})
const job = scope.task({ jobId: values.job, execId: 'word-count', taskType: 'word_count', scope: 'job' })
const crew = hireCrew(workers, (n) => [values.job, `word-count-worker-${n}`, values['bytes-per-second']])
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort(signal)
    crew.kill()
  })
}

async function countAll(folder: string): Promise<void> {
  const texts = await textsBelow(values.folder, bytesMax)
  if (texts.length === 0) throw new Error(`there is no text below ${values.folder}`)
  const maps = mapOrders(splitsOf(texts, splitBytes), folder, reducers)
  const reduces = reduceOrders(maps, reducers)
  const stage = stages(job, maps.length, reduces.length)
  job.log('INFO', `${texts.length} texts below ${values.folder} in ${maps.length} splits`)
  await crew.work(maps, stage('map'))
  const answers = await crew.work(reduces, stage('reduce'))
  const top = topWords(
    answers.flatMap((answer) => (answer.kind === 'done' ? answer.top : [])),
    10,
  )
  const line = top.map(([word, times]) => `${word} ${times}`).join(', ')
  job.log('INFO', `most frequent: ${line}`)
  job.update({ algorithmMetrics: { wordsCounted: wordsOf(answers) }, attributes: { topWords: line } })
  console.log(`${wordsOf(answers)} words in ${texts.length} texts; most frequent: ${line}`)
}

const folder = await mkdtemp(join(tmpdir(), 'word-count-'))
try {
  await countAll(folder)
  await job.finish('succeeded')
} catch (error) {
  process.exitCode = 1
  crew.kill()
  if (stop.signal.aborted) await job.cancel(String(stop.signal.reason))
  else await job.fail(error)
  console.error(error instanceof Error ? error.message : error)
} finally {
  await crew.dismiss()
  await rm(folder, { recursive: true, force: true })
  await scope.close()
}
