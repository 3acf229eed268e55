# syntax=docker/dockerfile:1
# Three stages: the compiler's, the production libraries', and the image that runs. Embedded PostgreSQL and all else that
# only development needs stays behind in the first.

FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-fund --no-audit --ignore-scripts
COPY tools/build.mjs ./tools/
COPY src ./src
COPY migrations ./migrations
RUN npm run build

FROM node:22-bookworm-slim AS libraries
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-fund --no-audit --ignore-scripts && npm cache clean --force

FROM node:22-bookworm-slim
# qemu-img for images and chains, mount.nfs for shares, setpriv (util-linux) so that children die with the service, and the
# authorities by which certificates are checked.
RUN apt-get update \
 && apt-get install -y --no-install-recommends qemu-utils nfs-common util-linux ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 42407 cinder \
 && useradd --uid 42407 --gid 42407 --home-dir /var/lib/cinder --create-home --shell /usr/sbin/nologin cinder
WORKDIR /opt/cinder-volume-aa
COPY --from=libraries /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY package.json LICENSE NOTICE ./
COPY bin ./bin
RUN ln -s /opt/cinder-volume-aa/bin/cinder-volume-aa /usr/local/bin/cinder-volume-aa
USER 42407:42407
ENV NODE_ENV=production
# The program is the first process: it handles SIGTERM (drain), SIGHUP (reload) and reaps its own children.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:18776/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/local/bin/cinder-volume-aa"]
CMD ["--config-file", "/etc/cinder/cinder.conf"]
