import { federatedLearning, federatedLearningMetrics } from './federated-learning.ts'
import { incrementalLearning } from './incremental-learning.ts'
import { incrementalLearningMetrics } from './incremental-learning-metrics.ts'
import { jointInference, jointInferenceMetrics } from './joint-inference.ts'

/** Every family of the learning types. */
export const learningFamilies = { ...jointInferenceMetrics, ...incrementalLearningMetrics, ...federatedLearningMetrics } as const

export const learningTypes = [jointInference, incrementalLearning, federatedLearning] as const
