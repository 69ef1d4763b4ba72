# foreman as a container. It listens on every address of the container and therefore refuses to start without
# FOREMAN_TOKEN (or FOREMAN_TOKEN_FILE); FOREMAN_ALLOW_ANONYMOUS=1 says that something else guards the door.
# A bind mount for /data must belong to uid 1000; a named volume does by itself.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/typescript/package.json client/typescript/
# The pinned Node of the lock file is an optional package: the image brings its own. No workspaces and no scripts: the
# client stays out, and nothing is compiled, so that an image for another processor needs no compiler for it.
RUN npm ci --ignore-scripts --omit=dev --omit=optional --workspaces=false --no-audit --no-fund
COPY openapi openapi
COPY server server
# The code is compiled once, here: a start is quicker and smaller by what compiling costs. By the user that it is for, whom
# Node keeps it apart for, and with the same bytes each time: the seed and the single thread leave nothing to chance, and
# are not among the flags that a cache has to agree with its process in.
RUN install -d -o node -g node .cache
USER 1000:1000
RUN NODE_COMPILE_CACHE=/app/.cache node --random-seed=1 --single-threaded-gc \
      --max-semi-space-size=2 --heap-growing-percent=50 --no-maglev --no-sparkplug --v8-pool-size=1 server/main.ts --check \
 && chmod -R go+rX .cache

FROM node:26-slim
RUN install -d -o node -g node /data
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY package.json ./
COPY openapi openapi
COPY server server
# What is called by hand: backup, restore, doctor, pull-models.
COPY scripts scripts
# Its owner is root, as that of the code is: foreman reads both and writes neither.
COPY --from=build --chown=0:0 /app/.cache .cache
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.cache \
    FOREMAN_DATA=/data \
    FOREMAN_LISTEN=0.0.0.0:11435
USER 1000:1000
VOLUME /data
EXPOSE 11435
# Only foreman's own life: a sleeping target must not take the container out of a load balancer. It asks where
# FOREMAN_LISTEN says, on loopback when that is every address or a port alone. The interval is short because some edges
# send nothing before the first healthy check; asked by http, which costs a third of fetch.
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=3 \
  CMD ["node", "-e", "require('http').get(`http://${process.env.FOREMAN_LISTEN.replace(/^(?:0\\.0\\.0\\.0|\\[::\\])?:?(?=\\d+$)/, '127.0.0.1:')}/livez`, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "--max-semi-space-size=2", "--heap-growing-percent=50", "--no-maglev", "--no-sparkplug", "--v8-pool-size=1", "server/main.ts"]
# What differs between builds comes last, so that what is above is taken from the builder's cache.
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="foreman" \
      org.opencontainers.image.description="A daemon in front of one Ollama: people pass through, programs hand over jobs and are told when they are done." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
