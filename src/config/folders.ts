import { isAbsolute, join, resolve } from 'node:path'
import type { Environment } from './env.ts'
import { type Given, refusal } from './values.ts'

/** Absolute. `~/` is the home folder, because no shell expands it in `.env` or a config file. */
export function parseFolder(given: Given, base: { readonly cwd: string; readonly home: string }): string {
  const { value, origin } = given
  if (value.includes('\0')) throw refusal(origin, 'a folder cannot hold a NUL character')
  return value === '~' || value.startsWith('~/') ? join(base.home, value.slice(1)) : resolve(base.cwd, value)
}

/** Where keys of encrypted vaults lie. */
export const defaultKeyFolder = (env: Environment): string =>
  standardFolder(env, {
    windows: 'APPDATA',
    windowsFallback: 'AppData/Roaming',
    xdg: 'XDG_CONFIG_HOME',
    xdgFallback: '.config',
  })

/** For what may be deleted at any time. */
export const defaultCacheFolder = (env: Environment): string =>
  standardFolder(env, {
    windows: 'LOCALAPPDATA',
    windowsFallback: 'AppData/Local',
    xdg: 'XDG_CACHE_HOME',
    xdgFallback: '.cache',
  })

interface Names {
  readonly windows: string
  readonly windowsFallback: string
  readonly xdg: string
  readonly xdgFallback: string
}

function standardFolder(env: Environment, names: Names): string {
  const isWindows = env.platform === 'win32'
  const said = env.get(isWindows ? names.windows : names.xdg)?.value
  // Source: XDG Base Directory Specification, "a relative path … should be considered invalid and ignored".
  const usable = said !== undefined && (isWindows || isAbsolute(said))
  const base = usable ? said : join(env.home, isWindows ? names.windowsFallback : names.xdgFallback)
  return join(base, 'cloudkeep')
}
