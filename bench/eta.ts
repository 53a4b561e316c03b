/**
 * Estimates of the time left against elapsed time over progress, on simulated runs of several kinds.
 *
 *   npx tsc -p bench/tsconfig.json && node .bench/bench/eta.js [seed]
 */
import { backtest } from '../test/support/eta-backtest.ts'
import { runKinds } from '../test/support/simulated-runs.ts'

const seed = Number(process.argv[2] ?? 1)
const percent = (share: number) => `${(100 * share).toFixed(1)} %`

console.log('Mean error as a share of the whole run, over 60 reports of each of 400 runs; 200 earlier runs to learn from.')
console.table(
  runKinds.map((kind) => {
    const { naiveError, freshError, learntError, coverage } = backtest(kind, { seed, learnt: 200, tried: 400 })
    return {
      runs: kind,
      'elapsed/progress': percent(naiveError),
      'this run alone': percent(freshError),
      'with earlier runs': percent(learntError),
      'within bounds': percent(coverage),
    }
  }),
)
