// What keeps a server from starting that whoever runs it can mend: a setting, what is wrong with it, and the remedy.

/** One setting that cannot be used, in words for whoever runs the server. */
export interface ConfigProblem {
  readonly name: string
  readonly cause: string
  readonly remedy: string
}

/** Settings that the server cannot start with, all that are known at once; the message is for the terminal. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(problem => `  ${problem.name}: ${problem.cause}\n    → ${problem.remedy}`)
    super(`The settings cannot be used:\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}
