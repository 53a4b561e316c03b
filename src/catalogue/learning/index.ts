import { federatedLearning, federatedLearningMetrics } from './federated-learning.ts'
import { incrementalLearning, incrementalLearningMetrics } from './incremental-learning.ts'
import { jointInference, jointInferenceMetrics } from './joint-inference.ts'

/** Every family of the learning types. */
export const learningFamilies = { ...jointInferenceMetrics, ...incrementalLearningMetrics, ...federatedLearningMetrics } as const

export const learningTypes = [jointInference, incrementalLearning, federatedLearning] as const
