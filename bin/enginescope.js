#!/usr/bin/env node
// Starts the built program. Arguments are read by dist/main.js from process.argv, which is passed on as it is.
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)

if (existsSync(main)) {
  // Stack traces name lines of src/, in this process and without a flag in the #! line, which not every system splits.
  process.setSourceMapsEnabled(true)
  await import(main.href)
} else {
  console.error('enginescope: not built yet; run `npm run build` first.')
  process.exitCode = 1
}
