import type { Environment } from './env.ts'
import { type Given, parseProxyUrl } from './values.ts'

/**
 * The proxy that was asked for, or else the one the surroundings name for everybody (HTTPS_PROXY, HTTP_PROXY), unless
 * NO_PROXY or a loopback address says that this host is reached directly.
 */
export function chooseProxy(asked: Given | null, uploadPrefix: string, env: Environment): Given | null {
  if (asked) return { value: parseProxyUrl(asked), origin: asked.origin }
  const target = new URL(uploadPrefix)
  const names = target.protocol === 'https:' ? ['HTTPS_PROXY', 'https_proxy'] : ['http_proxy', 'HTTP_PROXY']
  const general = names.map((name) => env.get(name)).find((found) => found !== null)
  if (!general || isDirect(target, readNoProxy(env) ?? '')) return null
  return { value: parseProxyUrl(general), origin: general.origin }
}

export const readNoProxy = (env: Environment): string | null =>
  (env.get('NO_PROXY') ?? env.get('no_proxy'))?.value ?? null

function isDirect(target: URL, noProxy: string): boolean {
  const host = target.hostname.toLowerCase()
  if (host === 'localhost' || host === '[::1]' || /^127\./.test(host)) return true
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((rule) => rule !== '')
    .some((rule) => {
      const suffix = rule.replace(/^\*?\.?/, '').replace(/:\d+$/, '')
      return rule === '*' || host === suffix || host.endsWith(`.${suffix}`)
    })
}
