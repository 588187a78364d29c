// Runs first in every test process.
import { guardThisProcess } from './run.ts'

guardThisProcess()
