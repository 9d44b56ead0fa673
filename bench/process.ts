import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ServiceOptions } from './service.ts'

export const CLI = fileURLToPath(new URL('../../bin/cloudkeep.cjs', import.meta.url))
const SERVICE = fileURLToPath(new URL('./service.js', import.meta.url))

export interface Service {
  readonly cloudinaryUrl: string
  /** An empty account on the same service. */
  readonly targetUrl: string
  readonly urls: readonly { readonly url: string; readonly bytes: number }[]
  stop(): void
}

/** Starts `service.ts` and waits until it is up. */
export async function startService(options: Partial<ServiceOptions>): Promise<Service> {
  const child = spawn(process.execPath, ['--max-old-space-size=8192', SERVICE, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const up = JSON.parse(line) as Omit<Service, 'stop'>
    return { ...up, stop: () => child.kill() }
  }
  throw new Error('the service did not start')
}

export interface Measured {
  readonly code: number | null
  readonly wallMs: number
  /** User and system time of the process, in milliseconds; 0 when it ended before it could be read. */
  readonly cpuMs: number
  readonly peakMiB: number
  readonly stdout: string
}

/** Runs a command to its end. CPU and peak memory are read from /proc while it runs (Linux only). */
export function measure(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, cpuMs, peakMiB] = ['', 0, 0]
    const sample = (): void => {
      try {
        const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
        cpuMs = Math.max(cpuMs, (Number(stat[11]) + Number(stat[12])) * 10)
        peakMiB = Math.max(
          peakMiB,
          Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
        )
      } catch {
        // It has just ended; the last sample stands.
      }
    }
    const timer = setInterval(sample, 20)
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString('utf8')
    })
    child.stderr.resume()
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      resolve({ code, wallMs: performance.now() - started, cpuMs, peakMiB, stdout })
    })
  })
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
