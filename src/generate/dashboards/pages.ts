import type { TaskType } from '../../catalogue/task-types.ts'
import type { Page } from './model.ts'
import { enginesPage } from './pages/engines.ts'
import { fleetPage } from './pages/fleet.ts'
import { hubPage } from './pages/hub.ts'
import { federatedLearningPage } from './pages/learning/federated-learning.ts'
import { incrementalLearningPage } from './pages/learning/incremental-learning.ts'
import { jointInferencePage } from './pages/learning/joint-inference.ts'
import { sednaSystemPage } from './pages/learning/sedna-system.ts'
import { livePage } from './pages/live.ts'
import { logsPage } from './pages/logs.ts'
import { mlPage } from './pages/ml.ts'
import { runtimesPage } from './pages/runtimes.ts'
import { selfPage } from './pages/self.ts'
import { taskPage } from './pages/task.ts'
import { taskTypesPage } from './pages/task-types.ts'

/** Every page, in the order of the table of dashboards. */
export function pagesOf(types: readonly TaskType[]): readonly Page[] {
  return [
    fleetPage,
    taskTypesPage,
    livePage,
    taskPage,
    enginesPage,
    mlPage(types),
    logsPage,
    selfPage,
    runtimesPage,
    hubPage,
    sednaSystemPage,
    jointInferencePage,
    incrementalLearningPage,
    federatedLearningPage,
  ]
}
