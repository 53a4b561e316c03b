/** The first line of every generated page. It does not show where the page is read. */
function generatedFrom(source: string): string {
  return `<!-- Generated from ${source} by \`npm run generate\`; changes here are lost. -->`
}

/** A page: its parts with an empty line between them. */
export function page(source: string, ...parts: readonly string[]): string {
  return `${[generatedFrom(source), ...parts].join('\n\n')}\n`
}

/** A table. What would end a cell is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), `|${head.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n')
}

/** Text as it is written in programs. */
export function code(text: string): string {
  return `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
