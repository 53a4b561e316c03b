import { createHash } from 'node:crypto'
import { isId } from '../wire.ts'

const idLengthMax = 200
const markLength = 8

/** A text as an id. What does not fit an id is replaced, and a mark of the whole text keeps two such texts apart. */
export function idFrom(text: string): string {
  const fits: boolean = isId(text)
  if (fits) return text
  const mark = createHash('sha256').update(text).digest('hex').slice(0, markLength)
  return `${text.replaceAll(/[^A-Za-z0-9._:@/-]/g, '_').slice(0, idLengthMax - markLength - 1)}.${mark}`
}

/** `<queue>/<id>`. */
export function taskName(queue: string, jobId: string): string {
  return idFrom(`${queue}/${jobId}`)
}
