// Lookups that are waiting anyway share one query. An answer always comes from a query that began after it was asked
// for: nothing is kept.

/** Queries that run side by side. */
const maxRunning = 2
const maxKeys = 100

interface Ask<Value> {
  readonly key: string
  resolve(value: Value | undefined): void
  reject(error: unknown): void
}

/** Makes a lookup by key over `load`, which answers many keys at once and leaves out what it does not find. */
export const coalesce = <Value>(
  load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
): ((key: string) => Promise<Value | undefined>) => {
  let waiting: Ask<Value>[] = []
  let running = 0

  const run = async (asks: readonly Ask<Value>[]): Promise<void> => {
    try {
      const found = await load([...new Set(asks.map(ask => ask.key))])
      for (const ask of asks) ask.resolve(found.get(ask.key))
    } catch (error) {
      for (const ask of asks) ask.reject(error)
    }
  }

  const pump = (): void => {
    while (running < maxRunning && waiting.length > 0) {
      const asks = waiting.slice(0, maxKeys)
      waiting = waiting.slice(maxKeys)
      running += 1
      void run(asks).finally(() => {
        running -= 1
        pump()
      })
    }
  }

  return key =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject })
      pump()
    })
}
