/** One engine of the word count: does what the coordinator orders, up to two tasks at once, and reports each. */
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { createReporter, type Task } from 'enginescope/reporter'
import { paceOf } from '../pace.ts'
import { aggregator, count } from '../settings.ts'
import type { Answer, Order } from './messages.ts'
import type { Text } from './texts.ts'
import { type Counts, countWords, cutAtLastSpace, merge, partitioned, topWords } from './words.ts'

const [jobId = '', instance = '', bytesPerSecondText = ''] = process.argv.slice(2)
const bytesPerSecond = count('bytes-per-second', bytesPerSecondText)
const scope = createReporter({
  ...aggregator(),
  engine: { engineType: 'word-count', engineVersion: '1', instance },
  taskLimit: 2,
})

type Work = {
  readonly task: Task
  readonly counts: Counts
  words: number
  bytesDone: number
  readonly bytesTotal: number
  readonly startedMs: number
}

function tell(work: Work, filesDone: number, files: number): void {
  const seconds = (performance.now() - work.startedMs) / 1000
  work.task.update({
    progress: work.bytesTotal === 0 ? 1 : work.bytesDone / work.bytesTotal,
    progressInfo: [
      { id: 'files', totalTasks: files, runningTasks: filesDone < files ? 1 : 0, failedTasks: 0, succeedTasks: filesDone },
    ],
    algorithmMetrics: {
      wordsCounted: work.words,
      distinctWords: work.counts.size,
      bytesRead: work.bytesDone,
      wordsPerSecond: seconds > 0 ? Math.round(work.words / seconds) : 0,
    },
  })
}

/** Reads one text piece by piece. */
async function readText(text: Text, work: Work, pace: (bytes: number) => Promise<void>, told: () => void): Promise<void> {
  const wordsBefore = work.words
  let rest = ''
  for await (const piece of createReadStream(text.path, { encoding: 'utf8', highWaterMark: 65_536 }) as AsyncIterable<string>) {
    const cut = cutAtLastSpace(rest + piece)
    work.words += countWords(cut.whole, work.counts)
    rest = cut.rest
    const bytes = Buffer.byteLength(piece)
    work.bytesDone += bytes
    told()
    await pace(bytes)
  }
  work.words += countWords(rest, work.counts)
  work.task.log('DEBUG', `${work.words - wordsBefore} words in ${text.path}`, { file: basename(text.path) })
}

async function map(order: Extract<Order, { kind: 'map' }>, task: Task): Promise<Work> {
  const { texts, spills } = order
  const bytesTotal = texts.reduce((sum, { bytes }) => sum + bytes, 0)
  const work: Work = { task, counts: new Map(), words: 0, bytesDone: 0, bytesTotal, startedMs: performance.now() }
  const pace = paceOf(bytesPerSecond)
  task.log('INFO', `mapping ${texts.length} texts, ${bytesTotal} bytes`)
  for (const [index, text] of texts.entries()) await readText(text, work, pace, () => tell(work, index, texts.length))
  tell(work, texts.length, texts.length)
  const lists = partitioned(work.counts, spills.length)
  await Promise.all(spills.map((path, partition) => writeFile(path, JSON.stringify(lists[partition]))))
  return work
}

async function reduce(order: Extract<Order, { kind: 'reduce' }>, task: Task): Promise<Work> {
  const work: Work = {
    task,
    counts: new Map(),
    words: 0,
    bytesDone: 0,
    bytesTotal: order.spills.length,
    startedMs: performance.now(),
  }
  const pace = paceOf(bytesPerSecond)
  for (const [index, path] of order.spills.entries()) {
    const text = await readFile(path, 'utf8')
    const entries: [string, number][] = JSON.parse(text)
    merge(entries, work.counts)
    work.words = [...work.counts.values()].reduce((sum, times) => sum + times, 0)
    // A reducer's work is so many spills; how long each is, it learns only by reading.
    work.bytesDone = index + 1
    const { words, counts } = work
    task.update({
      progress: work.bytesDone / work.bytesTotal,
      algorithmMetrics: { wordsCounted: words, distinctWords: counts.size },
    })
    await pace(Buffer.byteLength(text))
  }
  return work
}

async function obey(order: Order): Promise<Answer> {
  const task = scope.task({ jobId, execId: order.id, taskType: 'word_count' })
  try {
    const work = order.kind === 'map' ? await map(order, task) : await reduce(order, task)
    task.log('INFO', `${order.id}: ${work.words} words, ${work.counts.size} distinct`)
    await task.finish('succeeded')
    return { kind: 'done', id: order.id, words: work.words, top: topWords(work.counts, 10) }
  } catch (error) {
    await task.fail(error)
    return { kind: 'failed', id: order.id, message: error instanceof Error ? error.message : String(error) }
  }
}

process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer))
})
// The coordinator has let go: nothing more will come.
process.once('disconnect', () => {
  void scope.close().then(() => process.exit(0))
})
