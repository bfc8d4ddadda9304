/** Counts what was finished; the rate is taken from the first to the last, so the edges do not matter. */
export class Meter {
  #first = 0;
  #last = 0;
  #count = 0;

  count() {
    this.#last = performance.now();
    if (this.#count === 0) this.#first = this.#last;
    this.#count += 1;
  }

  perSecond() {
    if (this.#count < 2) throw new Error('too little was finished to tell a rate');
    return ((this.#count - 1) * 1000) / (this.#last - this.#first);
  }
}

/** @param {readonly number[]} values @param {number} share 0 to 1 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}

/** @param {readonly number[]} values */
export function median(values) {
  const half = values.length / 2;
  return values.length % 2 === 1
    ? quantile(values, 0.5)
    : (quantile(values, 0.5) + quantile(values, (half + 1) / values.length)) / 2;
}
