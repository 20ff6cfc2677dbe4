// Set-up of every test file: a rejection that nobody handles and that is no Error says what it was, and in which file.
import { inspect } from 'node:util'

process.on('unhandledRejection', reason => {
  throw reason instanceof Error ? reason : new Error(`a promise was rejected with ${inspect(reason)}`)
})
