/** Grafana's grid. */
export const gridColumns = 24

export type Size = { readonly width: number; readonly height: number }
export type Place = { readonly x: number; readonly y: number; readonly w: number; readonly h: number }

/** Places on the grid, and the first free line below them. */
export type Packed = { readonly places: readonly Place[]; readonly bottom: number }

/**
 * Sets panels side by side, in their order, and begins a new line where one does not fit.
 * @throws RangeError for a panel wider than the grid, which has no place at all
 */
export function pack(sizes: readonly Size[], top: number): Packed {
  const places: Place[] = []
  let line = { x: 0, y: top, height: 0 }
  for (const { width, height } of sizes) {
    if (width < 1 || width > gridColumns || height < 1) throw new RangeError(`no place for ${width} x ${height}`)
    if (line.x + width > gridColumns) line = { x: 0, y: line.y + line.height, height: 0 }
    places.push({ x: line.x, y: line.y, w: width, h: height })
    line = { x: line.x + width, y: line.y, height: Math.max(line.height, height) }
  }
  return { places, bottom: line.y + line.height }
}
