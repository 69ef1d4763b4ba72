#!/usr/bin/env bash
# Builds the image for each processor and pushes them under one name and the tags X.Y.Z and, unless it is a preview, latest. Needs
# buildah, and for a processor that is not this machine's an emulation that its kernel knows (qemu-user-static, binfmt).
# Usage: [PLATFORMS=linux/amd64,linux/arm64] [SOURCE=https://…] RELEASE_USER=… RELEASE_TOKEN=… scripts/release/image.sh REGISTRY/OWNER/foreman X.Y.Z
set -euo pipefail
cd "$(dirname "$0")/../.."

name=${1:?usage: scripts/release/image.sh REGISTRY/OWNER/foreman X.Y.Z}
version=${2:?usage: scripts/release/image.sh REGISTRY/OWNER/foreman X.Y.Z}
registry=${name%%/*}
# As Docker has it: a registry on loopback needs no certificate.
case $registry in 127.0.0.1:*) tls=--tls-verify=false ;; *) tls=--tls-verify=true ;; esac

# Whoever logs in is remembered: not beyond this run.
REGISTRY_AUTH_FILE=$(mktemp)
export REGISTRY_AUTH_FILE
trap 'rm -f "$REGISTRY_AUTH_FILE"' EXIT
echo '{}' >"$REGISTRY_AUTH_FILE"

list=foreman-release:$version
buildah manifest rm "$list" >/dev/null 2>&1 || true
IFS=, read -ra platforms <<<"${PLATFORMS:-linux/amd64,linux/arm64}"
for platform in "${platforms[@]}"; do
  # On the base as it is today.
  scripts/image/build.sh --pull --platform "$platform" --manifest "$list"
done

printf %s "${RELEASE_TOKEN:?}" | buildah login "$tls" --username "${RELEASE_USER:?}" --password-stdin "$registry"
tags=("$version")
case $version in *-*) ;; *) tags+=(latest) ;; esac
for tag in "${tags[@]}"; do
  buildah manifest push --all --format v2s2 "$tls" "$list" "docker://$name:$tag"
done
buildah manifest rm "$list"
