/**
 * JSON that Redis's own reader takes. Half a surrogate pair is text to JavaScript, but an error to that reader: every script that
 * looks at what was written would fail on it. It becomes U+FFFD, in names of fields too.
 */
export function wellFormedJson(value: unknown): string {
  return wellFormed(JSON.stringify(value))
}

/** `\ud800` to `\udfff`, which `JSON.stringify` writes for halves alone; an even number of backslashes before it is text. */
const half = /(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}/g

function wellFormed(json: string): string {
  return json.includes('\\u') ? json.replace(half, '$1\ufffd') : json
}
