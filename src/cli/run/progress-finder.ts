/** Finds progress in a line of output, as 0..1. */
export type ProgressFinder = (line: string) => number | undefined

const searchedCharactersMax = 1024
const percent = /(\d{1,3}(?:\.\d{1,9})?)\s?%/g

/** The last percentage of a line: `downloaded 42.5%`. */
export function percentFinder(): ProgressFinder {
  return (line) => {
    if (!line.includes('%')) return undefined
    const last = [...line.slice(-searchedCharactersMax).matchAll(percent)].at(-1)?.[1]
    return last === undefined ? undefined : asRatio(Number(last) / 100)
  }
}

/**
 * Progress by a pattern. Its first group is a percentage; groups named `ratio` (0..1), or `done` and `total`, say it otherwise.
 * @throws SyntaxError when it is no pattern, Error when it has no group
 */
export function patternFinder(pattern: string): ProgressFinder {
  const search = new RegExp(pattern)
  const groups = (new RegExp(`${pattern}|`).exec('')?.length ?? 1) - 1
  if (groups === 0) throw new Error('the pattern has no group for the number')
  return (line) => {
    const found = search.exec(line.slice(0, searchedCharactersMax))
    if (found === null) return undefined
    const { ratio, done, total } = found.groups ?? {}
    if (ratio !== undefined) return asRatio(Number(ratio))
    if (done !== undefined && total !== undefined) return asRatio(Number(done) / Number(total))
    return asRatio(Number(found[1] ?? Number.NaN) / 100)
  }
}

function asRatio(value: number): number | undefined {
  return value >= 0 && value <= 1 ? value : undefined
}
