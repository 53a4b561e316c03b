import { basename, dirname } from 'node:path/posix'
import { stringify } from 'yaml'
import type { Artefact } from '../artefact.ts'

/**
 * What makes a ConfigMap of each dashboard, for the sidecar of Grafana that looks for the label. It lies beside the dashboards, since
 * kustomize reads no file outside its own folder.
 */
export function dashboardMaps(dashboards: readonly Artefact[]): Artefact {
  const paths = dashboards.map(({ path }) => path).filter((path) => path.endsWith('.json'))
  const document = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    generatorOptions: { disableNameSuffixHash: true, labels: { grafana_dashboard: '1' } },
    configMapGenerator: paths.map((path) => ({
      name: basename(path, '.json'),
      files: [path.replace(/^dashboards\//, '')],
      options: { annotations: { grafana_folder: basename(dirname(path)) } },
    })),
  }
  const header = '# Generated from src/catalogue by `npm run generate`; changes here are lost.\n'
  return { path: 'dashboards/kustomization.yaml', text: `${header}${stringify(document, { lineWidth: 0 })}` }
}
