// Runs before each test file. A process runs many, one after the other, so it is left as the next one expects to find it.
import { resetClock } from '../../sandbox/clock.ts'
import { guardThisProcess } from './run.ts'

resetClock()
guardThisProcess()
