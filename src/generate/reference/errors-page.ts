import { code, page, table } from './markdown.ts'

/** The table of `src/errors.ts`. */
export type ErrorTable = Readonly<Record<string, { readonly status: number; readonly mayRetry: boolean; readonly says: string }>>

/** Every code that an answer may hold, by status. */
export function errorsPage(errors: ErrorTable): string {
  const rows = Object.entries(errors)
    .sort(([, a], [, b]) => a.status - b.status)
    .map(([name, { status, mayRetry, says }]) => [code(name), String(status), mayRetry ? 'yes' : 'no', says])
  return page(
    'src/errors.ts',
    '# Errors',
    'An answer other than 2xx holds `{"error":{"code","message","path"}}`. In the answer to a batch, each rejected report has its code in `results`. "Again" says whether the same request may be sent again as it is; with `Retry-After`, not before.',
    table(['Code', 'Status', 'Again', 'Meaning'], rows),
  )
}
