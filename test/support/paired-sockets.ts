import type { Socket } from 'node:net'

/** Keeps both ends of what is passed on in `open` while they live; where one is closed, so is the other. */
export function pairSockets(open: Set<Socket>, one: Socket, two: Socket): void {
  for (const [socket, other] of [
    [one, two],
    [two, one],
  ] as const) {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      open.delete(socket)
      other.destroy()
    })
  }
}
