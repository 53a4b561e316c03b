/** One round of the demo: jobs at once, each a real program at real work, ending in four different ways. */
import { join } from 'node:path'
import { shipped } from '../stack/package-folder.ts'
import { StackError } from '../stack/stack-error.ts'
import { thisProgram } from '../up.ts'
import { type EngineEnd, type EngineSpec, runEngine } from './engine-process.ts'
import { copyTexts, cutCopy, textFolder } from './material.ts'

export type RoundOptions = {
  readonly round: number
  /** Takes copies and archives. */
  readonly folder: string
  /** With `ENGINESCOPE_URL`. */
  readonly env: EngineSpec['env']
  readonly prefix: readonly string[]
  readonly signal: AbortSignal
  /** Told of starts and ends. */
  readonly say: (text: string) => void
}

/** A job that ended otherwise than it should have. */
export type Surprise = { readonly jobId: string; readonly end: EngineEnd }

/** A program that the demo runs. */
export type Job = {
  readonly jobId: string
  readonly about: string
  readonly command: readonly string[]
  readonly onLine?: EngineSpec['onLine']
  readonly isExpected: (end: EngineEnd) => boolean
}

/** The command of an example. @throws StackError when the examples are not built */
export function exampleCommand(file: string, ...args: readonly string[]): string[] {
  const path = shipped('dist', 'examples', ...file.split('/'))
  if (path === undefined) throw new StackError(`dist/examples/${file} is not there: run \`npm run build\``)
  return [process.execPath, path, ...args]
}

const wrapped = (jobId: string, ...command: readonly string[]) =>
  thisProgram('run', '--type', 'command', '--job', jobId, '--', ...command)
const succeeded = ({ code }: EngineEnd) => code === 0
const cancelAtPercent = 10

/** Runs a job to its end. */
export async function runJob(job: Job, { env, prefix, signal, say }: RoundOptions): Promise<Surprise[]> {
  say(`${job.jobId}: ${job.about}`)
  const end = await runEngine({ command: job.command, env, prefix, signal, ...(job.onLine ? { onLine: job.onLine } : {}) })
  const last = end.lastLines.at(-1)
  say(`${job.jobId}: ended (${end.signal ?? end.code})${last === undefined ? '' : `: ${last.slice(0, 200)}`}`)
  return signal.aborted || job.isExpected(end) ? [] : [{ jobId: job.jobId, end }]
}

function wordCount({ round }: RoundOptions): Job {
  const jobId = `word-count-${round}`
  const about = 'three worker engines count the words of the texts beside this program'
  return {
    jobId,
    about,
    command: exampleCommand('word-count/main.js', '--job', jobId, '--folder', textFolder()),
    isExpected: succeeded,
  }
}

function census({ round, folder }: RoundOptions): Job {
  const jobId = `census-${round}`
  return {
    jobId,
    about: 'a program of five steps counts packages; it pushes nothing, its messages are fetched from it',
    command: exampleCommand('runtime/launch.js', '--run', jobId, '--folder', textFolder(), '--output', join(folder, 'census')),
    isExpected: succeeded,
  }
}

function compression({ round }: RoundOptions, texts: readonly string[]): Job {
  const jobId = `compress-${round}`
  return {
    jobId,
    about: `gzip compresses ${texts.length} texts`,
    command: wrapped(jobId, 'gzip', '-9', '-v', ...texts),
    isExpected: succeeded,
  }
}

function brokenArchive({ round }: RoundOptions, archive: string): Job {
  const jobId = `restore-${round}`
  const about = 'gzip tests an archive that was cut in the middle, and fails'
  return { jobId, about, command: wrapped(jobId, 'gzip', '-t', '-v', archive), isExpected: ({ code }) => code === 1 }
}

function primes({ round }: RoundOptions): Job {
  const jobId = `primes-${round}`
  let isCancelled = false
  return {
    jobId,
    about: `counts the primes below 20,000,000,000 until it is cancelled at ${cancelAtPercent} %`,
    command: exampleCommand('prime-sieve.js', '--job', jobId),
    onLine: (line, kill) => {
      if (isCancelled || line !== `${cancelAtPercent}%`) return
      isCancelled = true
      kill('SIGTERM')
    },
    isExpected: ({ code }) => isCancelled && code === 143,
  }
}

async function compressThenTest(options: RoundOptions): Promise<Surprise[]> {
  const texts = copyTexts(textFolder(), join(options.folder, 'texts'))
  const surprises = await runJob(compression(options, texts), options)
  if (options.signal.aborted || surprises.length > 0) return surprises
  return runJob(brokenArchive(options, cutCopy(`${texts[0]}.gz`)), options)
}

/** Runs the round to its end. @returns jobs that ended otherwise than they should have */
export async function runRound(options: RoundOptions): Promise<Surprise[]> {
  const surprises = await Promise.all([
    runJob(wordCount(options), options),
    runJob(census(options), options),
    compressThenTest(options),
    runJob(primes(options), options),
  ])
  return surprises.flat()
}
