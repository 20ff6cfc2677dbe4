// All task commands.
import type { AnyCommand } from '#server/kernel/command.ts'
import { moveTask, updateTask } from './change.ts'
import { createTask } from './create.ts'
import { lifecycleCommands } from './lifecycle.ts'

export const taskCommands: readonly AnyCommand[] = [createTask, updateTask, moveTask, ...lifecycleCommands]
