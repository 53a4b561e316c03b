const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** Reads `250ms`, `15s`, `5m`, `1h30m`, `7d` as milliseconds. `undefined` when it is no duration; a bare number has no unit and is none. */
export function parseDurationMs(text: string): number | undefined {
  const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y
  let totalMs = 0
  while (part.lastIndex < text.length) {
    const found = part.exec(text)
    if (found === null) return undefined
    totalMs += Number(found[1]) * (unitMs[found[2] ?? ''] ?? Number.NaN)
  }
  return text === '' ? undefined : Math.round(totalMs)
}

/** Reads `64KiB`, `256 MiB`, `1.5GiB`, `10MB` or `4096B` as bytes. `undefined` when it is no size. */
export function parseSizeBytes(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?) ?(B|kB|MB|GB|KiB|MiB|GiB)$/.exec(text)
  if (found === null) return undefined
  return Math.round(Number(found[1]) * (unitBytes[found[2] ?? ''] ?? Number.NaN))
}

function inLargestUnit(value: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, size]) => value >= size && value % size === 0)
  const [unit, size] = fitting.reduce((best, next) => (next[1] > best[1] ? next : best), fitting[0] ?? ['', 1])
  return `${value / size}${unit}`
}

/** `90000` → `90s`: the largest unit that divides it, the way {@link parseDurationMs} reads it. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0s' : inLargestUnit(ms, unitMs)
}

/** `4194304` → `4MiB`: the largest binary unit that divides it, the way {@link parseSizeBytes} reads it. */
export function formatSize(bytes: number): string {
  const { B = 1, KiB = 1024, MiB = 1024 ** 2, GiB = 1024 ** 3 } = unitBytes
  return bytes === 0 ? '0B' : inLargestUnit(bytes, { B, KiB, MiB, GiB })
}
