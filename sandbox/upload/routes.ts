import { Hono } from 'hono'
import type { World } from '../state.ts'

export const uploadRoutes = (_world: World): Hono => new Hono()
