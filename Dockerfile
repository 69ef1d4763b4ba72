# foreman as a container. It listens on every address of the container and therefore refuses to start without
# FOREMAN_TOKEN (or FOREMAN_TOKEN_FILE); FOREMAN_ALLOW_ANONYMOUS=1 says that something else guards the door.
# A bind mount for /data must belong to uid 1000; a named volume does by itself.
FROM node:26-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/typescript/package.json client/typescript/
# The pinned Node of the lock file is an optional package: the image brings its own. No workspaces and no scripts: the
# client stays out, and nothing builds it.
RUN npm ci --ignore-scripts --omit=dev --omit=optional --workspaces=false --no-audit --no-fund

FROM node:26-slim
LABEL org.opencontainers.image.title="foreman" \
      org.opencontainers.image.description="A daemon in front of one Ollama: people pass through, programs hand over jobs and are told when they are done." \
      org.opencontainers.image.licenses="MIT"
RUN mkdir /data && chown node:node /data
WORKDIR /app
COPY --from=deps /app/node_modules node_modules
COPY package.json ./
COPY openapi openapi
COPY server server
# What is called by hand: backup, restore, doctor, pull-models.
COPY scripts scripts
# Code is compiled once, here: a start is quicker and smaller by what compiling costs.
ENV NODE_COMPILE_CACHE=/app/.cache
RUN node --max-semi-space-size=2 --no-maglev --no-sparkplug --v8-pool-size=1 server/main.ts --check
ENV NODE_ENV=production \
    FOREMAN_DATA=/data \
    FOREMAN_LISTEN=0.0.0.0:11435
USER 1000:1000
VOLUME /data
EXPOSE 11435
# Only foreman's own life: a sleeping target must not take the container out of a load balancer. The port follows
# FOREMAN_LISTEN; the interval is short because some edges send nothing before the first healthy check.
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.FOREMAN_LISTEN.split(':').at(-1)}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "--max-semi-space-size=2", "--no-maglev", "--no-sparkplug", "--v8-pool-size=1", "server/main.ts"]
