import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { gridColumns } from '../layout.ts'

/** Panels that stick out of the grid, lie on one another or share a number. */
export function placeFindings({ panels = [] }: Pick<Dashboard, 'panels'>): string[] {
  const taken = new Set<string>()
  const ids = new Set<number | undefined>()
  return panels.flatMap(({ id, title, gridPos }) => {
    const found: string[] = []
    const { x, y, w, h } = gridPos ?? { x: 0, y: 0, w: 0, h: 0 }
    if (w < 1 || h < 1 || x < 0 || x + w > gridColumns) found.push(`${title} sticks out`)
    const cells = Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`)
    if (cells.some((cell) => taken.has(cell))) found.push(`${title} lies on another`)
    if (ids.has(id) || !Number.isInteger(id)) found.push(`${title} has no number of its own`)
    for (const cell of cells) taken.add(cell)
    ids.add(id)
    return found
  })
}
