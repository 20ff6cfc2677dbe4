#!/usr/bin/env -S node --max-semi-space-size=4
// The command line: understands what was given, does it, and says in words what went wrong.
import { readCommandLine, UsageError } from './cli/command-line.ts'
import { commands } from './cli/commands.ts'
import { AppError } from '#server/kernel/errors.ts'
import { issuesIn } from '#server/kernel/validation.ts'

const explain = (error: unknown): string => {
  if (error instanceof AppError) {
    const issues = issuesIn(error).map(issue => `\n  ${issue.path}: ${issue.message}`)
    return `${error.code}: ${error.message}${issues.join('')}`
  }
  return error instanceof Error ? error.message : 'unknown error'
}

try {
  const line = readCommandLine(commands, process.argv.slice(2))
  if ('help' in line) process.stdout.write(line.help)
  else process.exitCode = (await line.run()) ?? 0
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
