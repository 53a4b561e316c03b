import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A text file and its length. */
export type Text = { readonly path: string; readonly bytes: number }

const textName = /(^(licen[cs]e|readme|changelog|notice|copying)|\.(md|markdown|txt|rst|[cm]?js|ts)$)/i

/** Text files below a folder, in the order of their names, until they hold `bytesMax` together. Links are not followed. */
export async function textsBelow(folder: string, bytesMax: number): Promise<Text[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && textName.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  const texts: Text[] = []
  let bytes = 0
  for (const path of paths.sort()) {
    const { size } = await stat(path)
    if (size === 0) continue
    if (bytes + size > bytesMax) break
    texts.push({ path, bytes: size })
    bytes += size
  }
  return texts
}

/** Cuts a list of texts into splits of about `splitBytes` each; a text is never cut. */
export function splitsOf(texts: readonly Text[], splitBytes: number): Text[][] {
  const splits: Text[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const text of texts) {
    if (bytes + text.bytes > splitBytes) {
      splits.push([])
      bytes = 0
    }
    splits.at(-1)?.push(text)
    bytes += text.bytes
  }
  return splits
}
