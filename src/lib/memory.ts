import { setFlagsFromString } from 'node:v8'

/**
 * From now on the process gives memory back early, for about a fifth more CPU. Left to itself the garbage collector
 * lets a long run grow by whatever the machine has, although no more is in use.
 */
export const preferMemory = (): void => setFlagsFromString('--optimize-for-size')
