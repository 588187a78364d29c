// Serves a page of one script, bundled from the file that the command names, at every path: a single-page app.
import { createServer } from 'node:http'
import { buildSync } from 'esbuild'
import { CLIENT_ID, ISSUER, isSet, ORIGIN, PORT, SCOPE } from './steps.mjs'

const config = { issuer: ISSUER, origin: ORIGIN, clientId: CLIENT_ID, scope: SCOPE, isSet }
const [{ text: script }] = buildSync({
  entryPoints: [process.argv[2]],
  bundle: true,
  write: false,
  format: 'esm',
  define: {
    CONFIG: JSON.stringify(config),
    'import.meta.env': JSON.stringify({ VITE_ISSUER: ISSUER, VITE_CLIENT_ID: CLIENT_ID }),
    'process.env.NODE_ENV': '"development"',
  },
}).outputFiles
const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>App</title>
<body>…<script type="module" src="/script.js"></script>`

createServer(({ url }, response) => {
  const isScript = url === '/script.js'
  response.setHeader('content-type', `${isScript ? 'text/javascript' : 'text/html'}; charset=utf-8`)
  response.end(isScript ? script : page)
}).listen(PORT)
