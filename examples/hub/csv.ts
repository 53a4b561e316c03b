/** CSV of RFC 4180: quoted fields may hold commas, quotes (doubled) and line ends. Empty lines are left out. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  // A field begins at the start, behind a comma and behind a line end.
  const fields = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|\r|$)/gy
  for (let match = fields.exec(text); match !== null; match = fields.exec(text)) {
    const [, quoted, plain = '', end] = match
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end !== ',') {
      if (row.length > 1 || row[0] !== '') rows.push(row)
      row = []
    }
    if (fields.lastIndex >= text.length && end !== ',') break
  }
  return rows
}
