/** What the tests of the documents need to know of Markdown. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the project. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block: its language, the words behind it, its text. */
export type Fence = { readonly language: string; readonly words: string; readonly text: string; readonly line: number }

export type Page = { readonly path: string; readonly text: string; readonly fences: readonly Fence[] }

/** A page of the project. @param path from the project's folder */
export function pageAt(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8')
  return { path, text, fences: fencesOf(text) }
}

/** Every page that people read: beside the project's root, those of `docs` and of the folders that have a README. */
export function allPages(): readonly Page[] {
  const beside = readdirSync(root).filter((name) => name.endsWith('.md'))
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
  return [...beside, ...docs, 'examples/README.md', 'bench/README.md'].map(pageAt)
}

function fencesOf(text: string): Fence[] {
  return [...text.matchAll(/^```(\w*)[ ]?(.*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: words = '', 3: body = '', index }) => ({
      language,
      words,
      text: body,
      line: text.slice(0, index).split('\n').length,
    }),
  )
}

/** The text without its fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

/** Links to other files and places of the project: the file from the project's folder, and the anchor. */
export function linksOf(page: Page): readonly { readonly text: string; readonly path: string; readonly anchor: string }[] {
  return [...proseOf(page).matchAll(/\]\(([^()\s]+)\)/g)].flatMap(({ 1: target = '' }) => {
    if (/^[a-z]+:/.test(target)) return []
    const [file = '', anchor = ''] = target.split('#')
    const path = file === '' ? page.path : relative(root, join(root, dirname(page.path), file))
    return [{ text: target, path, anchor }]
  })
}

/** The anchors that a page's headings have on the usual forges. */
export function anchorsOf(page: Page): ReadonlySet<string> {
  const headings = proseOf(page).matchAll(/^#{1,6} (.+)$/gm)
  return new Set(
    [...headings].map(({ 1: heading = '' }) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
