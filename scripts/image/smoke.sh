#!/usr/bin/env bash
# Builds the image from this working copy and runs it as a careful operator would: read-only, no capabilities, a volume
# for the data. No container daemon is needed, only root, buildah, podman and curl. With STAND_IN=1 a machine that
# reaches no image registry makes its own base image first (base.sh; wants debootstrap, and `npm ci` done).
# Usage: [STAND_IN=1] scripts/image/smoke.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

base=docker.io/library/node:26-slim
if [ "${STAND_IN:-0}" = 1 ] && ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  scripts/image/base.sh
fi
buildah bud --isolation chroot --format docker --pull=false -t foreman:smoke .
# Everything podman does belongs to one mount namespace: in a second one it would not find its own containers.
exec unshare -m --propagation private bash scripts/image/run.sh foreman:smoke
