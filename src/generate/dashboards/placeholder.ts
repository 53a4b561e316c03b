/**
 * What Grafana fills in when it shows the page: `${name}`, or `${name:format}`.
 * @param format `percentencode` for a part of a path, `queryparam` for `var-name=value` of every chosen value
 */
export function placeholder(name: string, format?: 'percentencode' | 'queryparam'): string {
  return format === undefined ? `\${${name}}` : `\${${name}:${format}}`
}

/** Where the console is, by the constant that every page has. */
export const consoleUrl = placeholder('console_url')
