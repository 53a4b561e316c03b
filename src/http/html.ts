/** Text made of trusted parts and escaped values. */
export type Html = { readonly html: string }

/** Template tag: every value is escaped, save what is {@link Html} already. Lists are joined. */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return { html: parts.reduce((text, part, i) => text + textOf(values[i - 1]) + part) }
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join('')
  if (typeof value === 'object' && value !== null && 'html' in value) return String(value.html)
  return value === undefined || value === null || value === false ? '' : escaped(String(value))
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
