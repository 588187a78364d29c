# The base carries glibc and Node 24; the sources run as they are. The full image has a compiler, which makes the hashing of
# passwords about twice as fast on x64; where that fails, the binary that the package brings does the work.
FROM node:24-bookworm AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts/compile-argon2.mjs ./scripts/
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
RUN npm run argon2:compile || echo "argon2 stays as its package brings it"
# For `node`, whose number is 1000. Where another user runs the server, each start compiles anew.
COPY scripts/compile-program.mjs ./scripts/
COPY migrations ./migrations
COPY views ./views
COPY interactions ./interactions
COPY src ./src
RUN node scripts/compile-program.mjs 1000

FROM node:24-bookworm-slim
ENV NODE_ENV=production
# What a process may take is said here, or Node takes what the machine has; docs/operations.md says what was measured.
ENV NODE_OPTIONS="--max-old-space-size=128 --max-semi-space-size=8"
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY migrations ./migrations
COPY views ./views
COPY interactions ./interactions
COPY src ./src
# The user `node` of the base, by its number: Kubernetes cannot tell of a name that it is not root.
USER 1000
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/menshen.js", "serve"]
