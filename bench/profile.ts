import { writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'

/** A CPU profile of this process between two calls, in the format of Chromium's developer tools. */
export function profiler() {
  let session: Session | undefined
  return {
    async startProfile(): Promise<void> {
      session = new Session()
      session.connect()
      await session.post('Profiler.enable')
      await session.post('Profiler.setSamplingInterval', { interval: 200 })
      await session.post('Profiler.start')
    },
    async stopProfile(path: string): Promise<void> {
      const stopped = await session?.post('Profiler.stop')
      session?.disconnect()
      await writeFile(path, JSON.stringify(stopped?.profile))
    },
  }
}
