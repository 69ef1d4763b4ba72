#!/usr/bin/env bash
# Builds the image of foreman from this working copy with buildah, the same bytes whenever the commit and the base are the
# same: every file and the image have the time of the commit. No container daemon is needed. With STAND_IN=1 a machine that
# reaches no image registry makes its own base image first (base.sh; wants debootstrap, and `npm ci` done).
# Usage: [STAND_IN=1] [SOURCE=https://…] scripts/image/build.sh NAME[:TAG] [more arguments for buildah], or these alone
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${1:?usage: scripts/image/build.sh NAME[:TAG]}"
[[ $1 == -* ]] || set -- -t "$@"
base=docker.io/library/node:26-slim
if [ "${STAND_IN:-0}" = 1 ] && ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  scripts/image/base.sh
fi
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
# OCI images have no HEALTHCHECK: the format is Docker's.
exec buildah bud --isolation chroot --format docker --pull=false --timestamp "$(git log -1 --format=%ct)" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD)" --build-arg "SOURCE=${SOURCE:-}" \
  "$@" .
