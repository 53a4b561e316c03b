import type { Page } from '../../model.ts'
import { components } from './sedna/components.ts'
import { overview } from './sedna/overview.ts'
import { resources } from './sedna/resources.ts'

/** All of Sedna at a glance: resources, pods, workers. */
export const sednaSystemPage: Page = {
  key: 'sedna',
  description: 'How do the services and jobs of Sedna stand, and do its components and workers run?',
  audience:
    '**For whoever runs Sedna in a cluster.** Services and jobs as their workers report them, resources and pods as kube-state-metrics ' +
    'knows them. What comes from the cluster is empty where that is not scraped; workers at the edge report by themselves.',
  rows: [overview, resources, components],
  from: '3h',
  refresh: '30s',
  needsLoki: true,
}
