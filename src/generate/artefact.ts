/** A file that is made from the catalogue. */
export type Artefact = {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  /** Whole content: the same at every run, with a newline at its end. */
  readonly text: string
}

/** What one folder of generators makes. */
export type Contribution = {
  readonly artefacts: readonly Artefact[]
  /** Folders that hold nothing but its artefacts: any other file there is a left-over. */
  readonly folders: readonly string[]
}
