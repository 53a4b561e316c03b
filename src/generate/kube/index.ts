import type { Contribution } from '../artefact.ts'
import { customResourceState } from './custom-resource-state.ts'

/** Files for Kubernetes that are made from the catalogue, beside manifests that are written by hand. */
export function kubeContribution(): Contribution {
  return { folders: [], artefacts: [customResourceState()] }
}
