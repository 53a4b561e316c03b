/** The tables of the census: rows are added up by package, and joined to what packages say of themselves. */
import type { Manifest, SourceRow } from './sources.ts'

export type PackageTotals = { files: number; lines: number; bytes: number; importedBy: number }

export type Joined = PackageTotals & Manifest

/** Adds up rows by package. Who imports a package counts once, however many files of it do. */
export class Totals {
  readonly byPackage = new Map<string, PackageTotals>()
  readonly #importers = new Map<string, Set<string>>()

  add(row: SourceRow): void {
    const totals = this.#of(row.package)
    totals.files++
    totals.lines += row.lines
    totals.bytes += row.bytes
    for (const name of row.imports) {
      if (name === row.package) continue
      const importers = this.#importers.get(name) ?? new Set()
      this.#importers.set(name, importers.add(row.package))
    }
  }

  /** The totals, largest first. */
  all(): [string, PackageTotals][] {
    for (const [name, importers] of this.#importers) this.#of(name).importedBy = importers.size
    return [...this.byPackage].sort(([, a], [, b]) => b.lines - a.lines)
  }

  #of(name: string): PackageTotals {
    const known = this.byPackage.get(name)
    if (known !== undefined) return known
    const totals = { files: 0, lines: 0, bytes: 0, importedBy: 0 }
    this.byPackage.set(name, totals)
    return totals
  }
}

/** Joins totals to manifests by name. @returns what matched, and how many did not */
export function joined(totals: readonly [string, PackageTotals][], manifests: readonly Manifest[]) {
  const byName = new Map(manifests.map((manifest) => [manifest.name, manifest]))
  const rows = totals.flatMap(([name, counts]) => {
    const manifest = byName.get(name)
    return manifest === undefined ? [] : [{ ...counts, ...manifest }]
  })
  return { rows, unmatched: totals.length - rows.length }
}

/** Lines and packages by licence, most lines first. */
export function byLicense(rows: readonly Joined[]): { license: string; packages: number; lines: number }[] {
  const totals = new Map<string, { packages: number; lines: number }>()
  for (const { license, lines } of rows) {
    const known = totals.get(license) ?? { packages: 0, lines: 0 }
    totals.set(license, { packages: known.packages + 1, lines: known.lines + lines })
  }
  return [...totals].map(([license, counts]) => ({ license, ...counts })).sort((a, b) => b.lines - a.lines)
}

/** Rows as CSV: RFC 4180, the first row names the columns. */
export function csv(columns: readonly string[], rows: readonly Readonly<Record<string, string | number>>[]): string {
  const cell = (value: string | number | undefined) => {
    const text = String(value ?? '')
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns.join(','), ...rows.map((row) => columns.map((name) => cell(row[name])).join(','))]
    .map((line) => `${line}\r\n`)
    .join('')
}
