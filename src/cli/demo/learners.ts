/** The learners of the demo: programs that learn over minutes and tell how, while rounds of short jobs go on beside them. */
import { exampleCommand, type Job, type RoundOptions, runJob, type Surprise } from './round.ts'

type Learner = {
  readonly name: string
  readonly example: string
  readonly about: string
  /** So that it can be watched. */
  readonly slowly: readonly string[]
  /** So that it is over soon. */
  readonly quickly: readonly string[]
}

const learners: readonly Learner[] = [
  {
    name: 'federated',
    example: 'federated-averaging',
    about: 'three nodes, one of them slow, learn digits together; their samples stay with them',
    slowly: ['--rounds', '20', '--samples-per-second', '400', '--slow-samples-per-second', '50'],
    quickly: ['--rounds', '6', '--samples-per-second', '2000', '--slow-samples-per-second', '400'],
  },
  {
    name: 'incremental',
    example: 'incremental-learning',
    about: 'a model learns the hard ones of the digits that come, and is deployed when it is better',
    slowly: ['--iterations', '6', '--samples-per-second', '40', '--train-samples-per-second', '300'],
    quickly: ['--iterations', '3', '--samples-per-second', '400', '--train-samples-per-second', '4000'],
  },
  {
    name: 'joint',
    example: 'joint-inference',
    about: 'small models at two edge nodes read digits and have a large one read the hard ones',
    slowly: ['--samples-per-second', '20'],
    quickly: ['--samples', '600', '--samples-per-second', '100', '--turn', '200'],
  },
]

function jobOf({ name, example, about, slowly, quickly }: Learner, round: number, once: boolean): Job {
  const jobId = `${name}-${round}`
  const command = exampleCommand(`${example}/main.js`, '--job', jobId, ...(once ? quickly : slowly))
  return { jobId, about, command, isExpected: ({ code }) => code === 0 }
}

async function runLearner(learner: Learner, options: RoundOptions, once: boolean): Promise<Surprise[]> {
  for (let round = options.round; !options.signal.aborted; round++) {
    const surprises = await runJob(jobOf(learner, round, once), options)
    if (once || surprises.length > 0) return surprises
  }
  return []
}

/**
 * Runs each learner once and quickly, or slowly and again and again until `signal`.
 * @returns those that ended otherwise than they should have; such a one is not begun again
 */
export async function runLearners(options: RoundOptions, once: boolean): Promise<Surprise[]> {
  return (await Promise.all(learners.map((learner) => runLearner(learner, options, once)))).flat()
}
