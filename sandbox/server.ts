import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createApp } from './app.ts'
import { type Clock, createClock } from './clock.ts'
import { handleControl, isControl } from './control.ts'
import { createFaults, type Faults } from './faults.ts'
import { logRequest } from './request-log.ts'
import type { Cloud, LoggedRequest, World } from './state.ts'

export interface SandboxOptions {
  /** @default 0, any free port */
  readonly port?: number
  /** @default '127.0.0.1' */
  readonly host?: string
  /** The sandbox's clock, in milliseconds since the epoch. @default Date.now */
  readonly now?: () => number
  readonly clouds?: readonly Cloud[]
}

export interface Sandbox {
  readonly world: World
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string
  /** Throws when there is no such account. */
  cloud(name: string): Cloud
  /** A value for CLOUDINARY_URL that makes clients speak to this server. */
  cloudinaryUrl(name: string): string
  /** What goes wrong, and when; nothing until a test says so. */
  readonly faults: Faults
  readonly clock: Clock
  /** Every request so far, oldest first. */
  readonly requests: LoggedRequest[]
  /** Cuts open connections. */
  close(): Promise<void>
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error(`no port on ${host}`))
      else resolve(address.port)
    })
  })

const close = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)))
    server.closeAllConnections()
  })

/** Starts the service on a local port. */
export const startSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  const { host = '127.0.0.1', clouds = [] } = options
  const clock = createClock(options.now ?? Date.now)
  const { now } = clock
  const state = { baseUrl: '' }
  const world: World = {
    clouds: new Map(clouds.map((cloud) => [cloud.name, cloud])),
    cursorEpoch: 0,
    now,
    get baseUrl() {
      return state.baseUrl
    },
    log: [],
  }
  const faults = createFaults({ now })
  const listener = getRequestListener(createApp(world).fetch, { overrideGlobalObjects: false })
  const server = createServer((request, response) => {
    if (isControl(request)) {
      void handleControl({ world, faults, clock }, request, response)
      return
    }
    const entry = logRequest(world.log, { request, response }, now())
    faults.intercept(request, response, entry, () => listener(request, response))
  })
  state.baseUrl = `http://${host}:${await listen(server, options.port ?? 0, host)}`
  const cloud = (name: string): Cloud => {
    const found = world.clouds.get(name)
    if (found === undefined) throw new Error(`the sandbox has no cloud named ${name}`)
    return found
  }
  return {
    world,
    url: state.baseUrl,
    cloud,
    cloudinaryUrl(name) {
      const key = cloud(name).keys[0]
      return `cloudinary://${key?.key}:${key?.secret}@${name}?upload_prefix=${state.baseUrl}`
    },
    faults,
    clock,
    requests: world.log,
    close: () => close(server),
  }
}
