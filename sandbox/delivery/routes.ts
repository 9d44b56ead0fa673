import { Hono } from 'hono'
import type { World } from '../state.ts'

export const deliveryRoutes = (_world: World): Hono => new Hono()
