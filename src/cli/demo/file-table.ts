/** A table to learn from: what the texts beside this program look like, and of which kind each is. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

const filesMax = 300
const bytesMax = 200_000
const kinds = new Map([
  ['.js', 'script'],
  ['.mjs', 'script'],
  ['.cjs', 'script'],
  ['.ts', 'declaration'],
  ['.json', 'data'],
  ['.md', 'prose'],
])

/** CSV with a head line: some figures of each file, and its kind last. @param turn which of the files are taken */
export function fileTable(folder: string, turn: number): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && kinds.has(extname(entry.name)))
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => statSync(path).size <= bytesMax)
    .sort()
  const stride = Math.max(1, Math.floor(files.length / filesMax))
  const taken = files.filter((_, index) => index % stride === turn % stride).slice(0, filesMax)
  const rows = taken.map((path) => [...figuresOf(readFileSync(path, 'utf8')), kinds.get(extname(path))])
  const head = ['bytes', 'lines', 'line_length', 'blank_share', 'braces_share', 'quotes_share', 'starts_with', 'kind']
  return [head, ...rows].map((row) => row.join(',')).join('\n')
}

function figuresOf(text: string): (number | string)[] {
  const lines = text.split('\n')
  const shareOf = (pattern: RegExp) => rounded((text.match(pattern)?.length ?? 0) / Math.max(1, text.length))
  const blank = lines.filter((line) => line.trim() === '').length
  const first = /^[A-Za-z]/.test(text) ? 'letter' : /^[#<]/.test(text) ? 'mark' : /^[/'"]/.test(text) ? 'comment' : 'other'
  return [
    text.length,
    lines.length,
    rounded(text.length / lines.length),
    rounded(blank / lines.length),
    shareOf(/[{}]/g),
    shareOf(/["']/g),
    first,
  ]
}

const rounded = (value: number) => Number(value.toFixed(4))
