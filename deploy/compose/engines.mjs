// The engines of the demo profile: programs at real work that report it, round after round, until the container stops.
// Runs in the image of the aggregator and uses what is in it: its examples, `enginescope run`, and gzip.
//
//   ENGINESCOPE_URL=http://127.0.0.1:7717 node deploy/compose/engines.mjs --app . [--once]
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { app: { type: 'string', default: '/app' }, once: { type: 'boolean', default: false } } })
const app = resolve(values.app)
const example = (/** @type {string} */ file) => [process.execPath, join(app, 'dist/examples', file)]
const wrapped = (/** @type {string} */ jobId) => [
  process.execPath,
  join(app, 'bin/enginescope.js'),
  'run',
  '--type',
  'command',
  '--job',
  jobId,
  '--',
]

const betweenRoundsMs = 5000
const killAfterMs = 15_000
const textsMax = 24
const cancelAtPercent = 10

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop.abort())
const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`)

/**
 * Runs a program to its end, or until the container stops.
 * @param {string[]} command
 * @param {(line: string, kill: () => void) => void} [onLine]
 * @returns {Promise<number | string | null>} exit code, or the signal that ended it
 */
function run([program = '', ...args], onLine) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (onLine !== undefined)
    createInterface({ input: child.stdout }).on('line', (line) => onLine(line, () => child.kill('SIGTERM')))
  else child.stdout.resume()
  /** @type {NodeJS.Timeout | undefined} */
  let force
  const end = () => {
    child.kill('SIGTERM')
    force = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  }
  if (stop.signal.aborted) end()
  else stop.signal.addEventListener('abort', end, { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(force)
      stop.signal.removeEventListener('abort', end)
      resolve(signal ?? code)
    })
  })
}

/** Says how a job ended. @param {string} jobId @param {Promise<number | string | null>} ended @param {number} expected */
async function told(jobId, ended, expected) {
  const how = await ended
  const isExpected = stop.signal.aborted || how === expected
  say(`${jobId}: ended with ${how}${isExpected ? '' : `, and should have with ${expected}`}`)
  return isExpected
}

/** The largest texts of the image, copied for a program that replaces what it works on. @param {string} folder */
function copyTexts(folder) {
  const files = readdirSync(join(app, 'node_modules'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.([cm]?js|md|json)$/.test(entry.name))
    .map(({ parentPath, name }) => ({ path: join(parentPath, name), bytes: statSync(join(parentPath, name)).size }))
    .sort((a, b) => b.bytes - a.bytes)
  return files.slice(0, textsMax).map(({ path }, index) => {
    const copy = join(folder, `text-${String(index + 1).padStart(2, '0')}`)
    copyFileSync(path, copy)
    return copy
  })
}

/** gzip compresses texts and succeeds; then it tests an archive that was cut in the middle, and fails. @param {number} round */
async function compression(round) {
  const folder = mkdtempSync(join(tmpdir(), 'engines-'))
  try {
    const texts = copyTexts(folder)
    const archived = told(`compress-${round}`, run([...wrapped(`compress-${round}`), 'gzip', '-9', '-v', ...texts]), 0)
    if (!(await archived) || stop.signal.aborted) return archived
    const archive = join(folder, 'cut.gz')
    copyFileSync(`${texts[0]}.gz`, archive)
    truncateSync(archive, Math.floor(statSync(archive).size / 2))
    return await told(`restore-${round}`, run([...wrapped(`restore-${round}`), 'gzip', '-t', '-v', archive]), 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A long computation that is cancelled on its way. @param {number} round */
function primes(round) {
  const jobId = `primes-${round}`
  const ended = run([...example('prime-sieve.js'), '--job', jobId], (line, kill) => {
    if (line === `${cancelAtPercent}%`) kill()
  })
  return told(jobId, ended, 143)
}

/** Several worker engines count words for one job. @param {number} round */
function wordCount(round) {
  const jobId = `word-count-${round}`
  return told(jobId, run([...example('word-count/main.js'), '--job', jobId, '--folder', join(app, 'node_modules')]), 0)
}

/** What each learner is told so that one run of it is soon over. @type {Record<string, string[]>} */
const quickly = {
  'federated-averaging': ['--rounds', '5', '--samples-per-second', '4000', '--slow-samples-per-second', '800'],
  'incremental-learning': ['--iterations', '2', '--samples-per-second', '500', '--train-samples-per-second', '5000'],
  'joint-inference': ['--samples', '300', '--samples-per-second', '100'],
}

/** A learner again and again: it takes minutes, and the short jobs do not wait for it. @param {string} name @param {number} first */
async function learner(name, first) {
  for (let round = first; ; round++) {
    const jobId = `${name.split('-')[0]}-${round}`
    const flags = values.once ? quickly[name] : []
    const isExpected = await told(jobId, run([...example(`${name}/main.js`), '--job', jobId, ...(flags ?? [])]), 0)
    if (!isExpected || values.once || stop.signal.aborted) return isExpected
  }
}

const standby = run(example('idle-engine.js'))
// A job that ended stays ended: every round, also of a later start, has a number of its own (seconds since 2025).
const firstRound = Math.floor((Date.now() - Date.UTC(2025, 0)) / 1000)
const learners = Promise.all(Object.keys(quickly).map((name) => learner(name, firstRound)))
let isAllExpected = true
for (let round = firstRound; !stop.signal.aborted; round++) {
  const ends = await Promise.all([wordCount(round), compression(round), primes(round)])
  isAllExpected &&= ends.every((isExpected) => isExpected)
  if (values.once) {
    await learners
    stop.abort()
  } else await pause(betweenRoundsMs, undefined, { signal: stop.signal }).catch(() => {})
}
await standby
isAllExpected &&= (await learners).every((isExpected) => isExpected)
process.exitCode = isAllExpected ? 0 : 1
