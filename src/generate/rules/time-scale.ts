const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A length of time, `10m`, times a factor; never below a millisecond, unless it was 0. @throws RangeError when it is none */
export function scaledSpan(span: string, factor: number): string {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(span) ?? []
  const ms = Number(count) * (unitMs[unit] ?? Number.NaN)
  if (Number.isNaN(ms)) throw new RangeError(`${span} is no length of time`)
  if (factor === 1 || ms === 0) return span
  const scaledMs = Math.max(1, Math.round(ms * factor))
  return scaledMs % 1000 === 0 ? `${scaledMs / 1000}s` : `${scaledMs}ms`
}

/** An expression with every window, `[10m]`, made longer or shorter. */
export function scaledWindows(expression: string, factor: number): string {
  return expression.replace(/\[(\w+)\]/g, (_whole, span: string) => `[${scaledSpan(span, factor)}]`)
}
