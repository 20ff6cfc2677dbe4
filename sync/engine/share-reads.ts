// Reads that are shared by those who wait. Nobody gets what was read before he asked: who comes while a read is under way
// shares the next one with everyone else who came meanwhile.

interface Reads<Value> {
  running: Promise<Value>
  next: Promise<Value> | undefined
}

/** `read`, at most once at a time and once more per key. */
export const shareReads = <Input, Value>(
  keyOf: (input: Input) => string,
  read: (input: Input) => Promise<Value>,
): ((input: Input) => Promise<Value>) => {
  const all = new Map<string, Reads<Value>>()
  return input => {
    const key = keyOf(input)
    const begin = (): Promise<Value> => {
      const running = read(input)
      const reads: Reads<Value> = { running, next: undefined }
      all.set(key, reads)
      const end = () => {
        if (reads.next === undefined) all.delete(key)
      }
      running.then(end, end)
      return running
    }
    const reads = all.get(key)
    if (reads === undefined) return begin()
    // Begins whatever became of the running one.
    reads.next ??= reads.running.then(begin, begin)
    return reads.next
  }
}
