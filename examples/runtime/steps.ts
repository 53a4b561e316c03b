/** The steps of the census. Each reads what the step before it wrote, finds it by the workflow token, and adds to the token. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Text, textsBelow } from '../word-count/texts.ts'
import { byLicense, csv, type Joined, joined, type PackageTotals, Totals } from './census.ts'
import { type Manifest, manifestOf, rowOf, type SourceRow } from './sources.ts'

/** What one step hands to the next ones, in text. */
export type TokenEntries = Readonly<Record<string, string>>

/** What a step works with. */
export type StepContext = {
  /** What is counted. */
  readonly folder: string
  /** Takes what lies between the steps. */
  readonly workFolder: string
  /** Takes the results. */
  readonly outputFolder: string
  readonly bytesMax: number
  /** What an earlier step has handed on. @throws when it has not */
  readonly token: (step: string, name: string) => string
  /** Told of every data set that is read or written. */
  readonly touch: (access: 'READ' | 'WRITE', path: string) => void
  /** Told after each piece of work. @throws when the run is to stop */
  readonly advance: (bytes: number, progressRatio: number) => Promise<void>
  readonly log: (level: 'INFO' | 'WARN', line: string) => void
}

export type Step = { readonly name: string; readonly work: (context: StepContext) => Promise<TokenEntries> }

const piece = 200

async function extract(context: StepContext): Promise<TokenEntries> {
  const { folder, workFolder, bytesMax } = context
  context.touch('READ', folder)
  const texts = await textsBelow(folder, bytesMax)
  if (texts.length === 0) throw new Error(`there is no text below ${folder}`)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter(({ name }) => name === 'package.json').map(({ parentPath, name }) => join(parentPath, name))
  const manifests: Manifest[] = []
  for (const [index, path] of paths.entries()) {
    const text = await readFile(path, 'utf8')
    manifests.push(...[manifestOf(text)].filter((manifest) => manifest !== undefined))
    await context.advance(text.length, (index + 1) / paths.length)
  }
  const lists = { texts: join(workFolder, 'texts.json'), manifests: join(workFolder, 'manifests.json') }
  await write(context, lists.texts, JSON.stringify(texts))
  await write(context, lists.manifests, JSON.stringify(manifests))
  context.log('INFO', `${texts.length} texts and ${manifests.length} manifests below ${folder}`)
  return { ...lists, textsFound: String(texts.length), manifestsFound: String(manifests.length) }
}

async function parse(context: StepContext): Promise<TokenEntries> {
  const texts = JSON.parse(await read(context, context.token('extract', 'texts'))) as Text[]
  const bytesInAll = texts.reduce((sum, { bytes }) => sum + bytes, 0)
  const rows: string[] = []
  let bytesRead = 0
  for (const { path, bytes } of texts) {
    const row = rowOf(path, context.folder, await readFile(path, 'utf8'))
    if (row === undefined) context.log('WARN', `not a text, left out: ${path}`)
    else rows.push(JSON.stringify(row))
    bytesRead += bytes
    await context.advance(bytes, bytesRead / bytesInAll)
  }
  const path = join(context.workFolder, 'rows.ndjson')
  await write(context, path, rows.map((row) => `${row}\n`).join(''))
  return { rows: path, rowsRead: String(rows.length), rowsRejected: String(texts.length - rows.length) }
}

async function aggregate(context: StepContext): Promise<TokenEntries> {
  const lines = (await read(context, context.token('parse', 'rows'))).trimEnd().split('\n')
  const totals = new Totals()
  for (const [index, line] of lines.entries()) {
    totals.add(JSON.parse(line) as SourceRow)
    if (index % piece === 0) await context.advance(0, index / lines.length)
  }
  const path = join(context.workFolder, 'totals.json')
  const all = totals.all()
  await write(context, path, JSON.stringify(all))
  return { totals: path, packages: String(all.length) }
}

async function joinManifests(context: StepContext): Promise<TokenEntries> {
  const totals = JSON.parse(await read(context, context.token('aggregate', 'totals'))) as [string, PackageTotals][]
  const manifests = JSON.parse(await read(context, context.token('extract', 'manifests'))) as Manifest[]
  const { rows, unmatched } = joined(totals, manifests)
  if (unmatched > 0) context.log('WARN', `${unmatched} names have no manifest here`)
  const path = join(context.workFolder, 'joined.json')
  await write(context, path, JSON.stringify(rows))
  return { joined: path, matched: String(rows.length), unmatched: String(unmatched) }
}

async function writeTables(context: StepContext): Promise<TokenEntries> {
  const rows = JSON.parse(await read(context, context.token('join', 'joined'))) as Joined[]
  const licenses = byLicense(rows)
  const tables = { packages: join(context.outputFolder, 'packages.csv'), licenses: join(context.outputFolder, 'licenses.csv') }
  const columns = ['name', 'version', 'license', 'files', 'lines', 'bytes', 'importedBy']
  await write(context, tables.packages, csv(columns, rows))
  await write(context, tables.licenses, csv(['license', 'packages', 'lines'], licenses))
  context.log(
    'INFO',
    `most lines: ${rows
      .slice(0, 5)
      .map(({ name, lines }) => `${name} ${lines}`)
      .join(', ')}`,
  )
  return tables
}

/** In the order in which they run. */
export const steps: readonly Step[] = [
  { name: 'extract', work: extract },
  { name: 'parse', work: parse },
  { name: 'aggregate', work: aggregate },
  { name: 'join', work: joinManifests },
  { name: 'write', work: writeTables },
]

async function read(context: StepContext, path: string): Promise<string> {
  context.touch('READ', path)
  return readFile(path, 'utf8')
}

async function write(context: StepContext, path: string, text: string): Promise<void> {
  await writeFile(path, text)
  context.touch('WRITE', path)
}
