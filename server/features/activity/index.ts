// The activity log: written by the kernel, read here.
export { activity } from './routes.ts'
