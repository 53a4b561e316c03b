/**
 * Numbers scrapes, so that one can ask whether two of them began after a moment and were answered in full.
 * A scrape that is cut off before its last byte counts for nothing.
 */
export class ScrapeLog {
  #begun = 0
  #newestDone = 0
  #secondNewestDone = 0

  /** The newest scrape that began. */
  get mark(): number {
    return this.#begun
  }

  /** To be called before the first line is rendered. Answers the number to give to {@link complete}. */
  begin(): number {
    this.#begun += 1
    return this.#begun
  }

  complete(scrape: number): void {
    if (scrape > this.#newestDone) {
      this.#secondNewestDone = this.#newestDone
      this.#newestDone = scrape
    } else if (scrape > this.#secondNewestDone) this.#secondNewestDone = scrape
  }

  /** Whether two scrapes that began after `mark` was taken have been answered in full. */
  isTwiceSince(mark: number): boolean {
    return this.#secondNewestDone > mark
  }
}
