const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of a fixed width, exact to an eighth of a character. @param ratio 0..1 */
export function progressBar(ratio: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, ratio)) * width * 8)
  const bar = '█'.repeat(Math.floor(filled / 8)) + (eighths[filled % 8] ?? '')
  return bar.padEnd(width, '░')
}

/** Whole percent, never 100 before it is. */
export function percent(ratio: number): string {
  return `${Math.floor(ratio * 100 + 1e-9)}%`
}

/** A span in its two largest units: `45s`, `3m12s`, `2h05m`, `3d04h`; `-` when not known. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '-'
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${twoDigits(whole % 60)}s`
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h${twoDigits(Math.floor((whole % 3_600) / 60))}m`
  return `${Math.floor(whole / 86_400)}d${twoDigits(Math.floor((whole % 86_400) / 3_600))}h`
}

/** How long ago a moment was. */
export function age(moment: string | null, nowMs: number): string {
  return moment === null ? '-' : span((nowMs - Date.parse(moment)) / 1000)
}

/** Bytes in powers of 1024: `64.0 GiB`. */
export function bytes(value: number | null): string {
  if (value === null) return '-'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = value < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10))
  return power === 0 ? `${value} B` : `${(value / 1024 ** power).toFixed(1)} ${units[power]}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
