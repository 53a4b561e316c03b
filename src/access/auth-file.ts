import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { type Document, isNode, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { roles, type TokenEntry } from './token.ts'

/** Something in the auth file that cannot be used: where (`tokens.yaml:3`), and what would be right. */
export type AuthFault = { readonly source: string; readonly message: string }

/** Either every token, or every fault. */
export type AuthReading =
  | { readonly tokens: readonly TokenEntry[]; readonly faults?: never }
  | { readonly faults: readonly AuthFault[]; readonly tokens?: never }

const fileMaxBytes = 4_194_304
const tokensMax = 10_000

const namespace = z.string().regex(/^[A-Za-z0-9._:@/-]{1,200}$/, 'must be * alone, or 1 to 200 of A-Z a-z 0-9 . _ : @ / -')
const namespaces = z
  .array(z.string())
  .min(1, "must name at least one namespace, or ['*'] for all")
  .max(10_000, 'must not name more than 10000 namespaces')
  .pipe(
    z.union([z.tuple([z.literal('*')]), z.array(namespace)], 'must be * alone, or ids of 1 to 200 of A-Z a-z 0-9 . _ : @ / -'),
  )

const entry = z.strictObject({
  name: z.string('must be a text').regex(/^[A-Za-z0-9._:@/-]{1,100}$/, 'must be 1 to 100 of A-Z a-z 0-9 . _ : @ / -'),
  sha256: z.string('must be a text').regex(/^[0-9a-fA-F]{64}$/, 'must be the SHA-256 of the token as 64 hexadecimal digits'),
  role: z.enum(roles, `must be one of ${roles.join(', ')}`),
  namespaces,
})

const authFile = z.strictObject({
  tokens: z
    .array(entry, 'must be a list')
    .min(1, 'must hold at least one token')
    .max(tokensMax, `must not hold more than ${tokensMax} tokens`),
})

type Entries = z.infer<typeof authFile>['tokens']
type Path = readonly PropertyKey[]

/** The nearest thing to `path` that stands in the file: a missing key has no line, its parent has. */
function lineOf(document: Document, lines: LineCounter, path: Path): string {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    const start = isNode(node) ? node.range?.[0] : undefined
    if (start !== undefined) return `:${lines.linePos(start).line}`
  }
  return ''
}

function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

function repeats(tokens: Entries): { path: Path; message: string }[] {
  const seen = new Map<string, number>()
  return tokens.flatMap(({ name, sha256 }, index) =>
    [`name ${name}`, `sha256 ${sha256.toLowerCase()}`].flatMap((identity) => {
      const first = seen.get(identity)
      if (first === undefined) seen.set(identity, index)
      const path = ['tokens', index, identity.startsWith('name') ? 'name' : 'sha256']
      return first === undefined ? [] : [{ path, message: `is the same as of tokens[${first}]` }]
    }),
  )
}

function toEntry({ name, sha256, role, namespaces: list }: Entries[number]): TokenEntry {
  return { name, sha256: Buffer.from(sha256, 'hex'), role, namespaces: list[0] === '*' ? '*' : new Set(list) }
}

function describe(issue: z.core.$ZodIssue): { path: Path; message: string }[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }]
  return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not known here' }))
}

function check(text: string, name: string): AuthReading {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    return { faults: document.errors.map(({ pos, message }) => ({ source: `${name}:${lines.linePos(pos[0]).line}`, message })) }
  }
  const parsed = authFile.safeParse(document.toJS())
  const issues = parsed.success ? repeats(parsed.data.tokens) : parsed.error.issues.flatMap(describe)
  if (parsed.success && issues.length === 0) return { tokens: parsed.data.tokens.map(toEntry) }
  return {
    faults: issues.map(({ path, message }) => ({
      source: `${name}${lineOf(document, lines, path)}`,
      message: `${pathText(path)} ${message}`.trim(),
    })),
  }
}

/**
 * Reads the file of tokens, YAML or JSON: `tokens: [{name, sha256, role, namespaces}]`.
 * Never throws: a file that cannot be read or used is told in `faults`, all of them at once, without any hash.
 */
export function readAuthFile(path: string): AuthReading {
  try {
    if (statSync(path).size > fileMaxBytes) return { faults: [{ source: path, message: 'is larger than 4 MiB' }] }
    return check(readFileSync(path, 'utf8'), basename(path))
  } catch (error) {
    return { faults: [{ source: path, message: error instanceof Error ? error.message : String(error) }] }
  }
}
