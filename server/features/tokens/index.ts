// API tokens and collaboration tokens: the door of this feature.
import type { Feature } from '#server/kernel/feature.ts'
import { revokeTokens, tokenCommands } from './commands.ts'
import { tokenRoutes } from './routes.ts'
import { createTokenSource, type TokenSource, type TokenSourceOptions } from './token-source.ts'

export { revokeTokens, type TokenSource }

/** Who tokens belong to; asked for every request that shows one. */
export const createTokens = (options: TokenSourceOptions): TokenSource => createTokenSource(options)

/** The feature over `tokens`. */
export const tokensFeature = (tokens: TokenSource): Feature => ({
  name: 'tokens',
  commands: tokenCommands,
  routes: tokenRoutes(tokens),
  shapes: [],
})
