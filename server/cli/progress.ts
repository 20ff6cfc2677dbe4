// A progress bar for terminals; silent where there is none.

export interface ProgressBar {
  show(done: number, total: number): void
  clear(): void
}

const width = 30

/** Draws on `stream` when it is a terminal, at most every 50 ms. */
export const progressBar = (stream: NodeJS.WriteStream): ProgressBar => {
  let last = 0
  if (!stream.isTTY) return { show: () => {}, clear: () => {} }
  return {
    show: (done, total) => {
      const now = Date.now()
      if (done < total && now - last < 50) return
      last = now
      const filled = total === 0 ? width : Math.round((done / total) * width)
      stream.write(`\r${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}`)
    },
    clear: () => stream.write('\r\u001B[K'),
  }
}
