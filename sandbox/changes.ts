export { beforeChange } from './search-lag.ts'
