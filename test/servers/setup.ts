import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Ended, but not yet collected by the worker that started it, which is gone; only Linux tells. */
const isZombie = (pid: number): boolean => {
  try {
    return /\) Z /u.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0) && !isZombie(pid)
  } catch {
    return false
  }
}

const end = async (pid: number): Promise<void> => {
  if (!isAlive(pid)) return
  process.kill(pid, 'SIGTERM')
  for (let waited = 0; waited < 5000 && isAlive(pid); waited += 50)
    await new Promise((resolve) => setTimeout(resolve, 50))
}

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const pidOf = (state: string): number | null => {
  try {
    return Number(/"pid":(\d+)/u.exec(readFileSync(state, 'utf8'))?.[1] ?? 0) || null
  } catch {
    return null
  }
}

const tearDown = async (folder: string): Promise<void> => {
  const kinds = namesIn(join(folder, 'left-out'))
  for (const kind of kinds) console.log(`left out: ${readFileSync(join(folder, 'left-out', kind), 'utf8')}`)
  const pids = namesIn(folder).map((name) => pidOf(join(folder, name, 'state.json')))
  await Promise.all(pids.map((pid) => (pid === null ? undefined : end(pid))))
  rmSync(folder, { recursive: true, force: true })
}

/**
 * Runs before and after everything, once for each of vitest's projects; they share one folder. Starts nothing: tests that
 * need a server do.
 */
export default function setup(): () => Promise<void> {
  const folder = join(tmpdir(), `cloudkeep-servers-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.env['CLOUDKEEP_TEST_SERVERS'] = folder
  process.env['CLOUDKEEP_TEST_SERVERS_PID'] = String(process.pid)
  return () => tearDown(folder)
}
