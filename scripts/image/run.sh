#!/usr/bin/env bash
# Runs a built image of foreman and checks what its operator relies on; called by smoke.sh inside a mount namespace of
# its own, because hosts that mix cgroup versions must show podman the second one only. Prints one line a check.
# Usage: run.sh IMAGE
set -euo pipefail

image=$1
port=18435
url=http://127.0.0.1:$port
token=smoke-$RANDOM$RANDOM
name=foreman-smoke-$$
failed=0

umount -R /sys/fs/cgroup 2>/dev/null && mount -t cgroup2 none /sys/fs/cgroup
hardened=(--cgroups=disabled --ulimit nofile=20000:20000 --ulimit nproc=20000:20000 --network host --read-only
  --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp
  --log-driver k8s-file -v "$name:/data" --pull never)
quietly() { podman --log-level fatal "$@" 2>/dev/null; }
trap 'quietly rm -f -t 1 "$name" >/dev/null; quietly volume rm -f "$name" >/dev/null || true' EXIT

# check WHAT COMMAND…: one line, and the count of what failed.
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then echo "ok      $what"; else echo "FAILED  $what" && failed=$((failed + 1)); fi
}
inside() { quietly exec "$name" "$@" || true; }
says() { [ "$1" = "$2" ] || { echo "got: $2" && return 1; }; }
api() { curl -sS -m 10 -H "Authorization: Bearer $token" "$@"; }
status() { api -o /dev/null -w '%{http_code}' "$@" || true; }
anonymous() { curl -sS -m 10 -o /dev/null -w '%{http_code}' "$@" || true; }
healthy() {
  for _ in $(seq 20); do
    if quietly healthcheck run "$name"; then return 0; fi
    sleep 0.5
  done
  return 1
}
refuses_without_token() {
  local said
  said=$(podman run --rm "${hardened[@]}" "$image" 2>&1) && return 1
  grep -q FOREMAN_TOKEN <<<"$said"
}

check 'it refuses to listen beyond loopback without a token' refuses_without_token

quietly run -d --name "$name" "${hardened[@]}" -e "FOREMAN_TOKEN=$token" -e "FOREMAN_LISTEN=127.0.0.1:$port" \
  -e FOREMAN_TARGET=http://127.0.0.1:9 "$image" >/dev/null || true
check 'HEALTHCHECK is healthy while the target is absent' healthy
check 'it runs as uid 1000' says 1000 "$(inside id -u)"
check 'it has no capabilities' says 0000000000000000 "$(inside sed -n 's/^CapEff:\t//p' /proc/1/status)"
check 'node is process 1' says 'node server/main.ts ' "$(inside sh -c "tr '\\0' ' ' </proc/1/cmdline")"
check 'the volume belongs to it and to nobody else' says '1000 700' "$(inside stat -c '%u %a' /data)"
check 'the database belongs to it and to nobody else' says '1000 600' "$(inside stat -c '%u %a' /data/foreman.db)"
check 'livez is open' says 200 "$(anonymous "$url/livez")"
check 'the queue is not' says 401 "$(anonymous "$url/queue")"
body='{"request":{"endpoint":"/api/generate","body":{"model":"tiny","prompt":"hello"}}}'
job=$(api "$url/jobs" -H 'Content-Type: application/json' -d "$body" | sed -n 's/.*"id":"\(job_[^"]*\)".*/\1/p') || job=
check 'a job is accepted' test -n "$job"
check 'the doctor finds nothing wrong but the target, which is absent' says 'fail  target:' \
  "$(inside node scripts/doctor.ts | grep -o '^fail  [^:]*:')"
check 'a backup is made while it runs' says '1 job (1 queued)' \
  "$(inside node scripts/backup.ts /data/backup.db | grep -o '1 job ([^)]*)')"
check 'a restore is refused while it runs' says 0 "$(inside node scripts/restore.ts /data/backup.db 2>/dev/null | wc -l)"
check 'the command that pulls models says plainly that it cannot' says 1 \
  "$(inside sh -c 'echo alpha >/tmp/models.txt; node scripts/pull-models.ts /tmp/models.txt --wait 0 2>/dev/null; echo $?')"
began=$(date +%s%N)
quietly stop -t 20 "$name" >/dev/null || true
check 'SIGTERM ends it in less than five seconds' test $((($(date +%s%N) - began) / 1000000)) -lt 5000
check 'with exit code 0' says 0 "$(quietly inspect -f '{{.State.ExitCode}}' "$name" || true)"
quietly start "$name" >/dev/null || true
check 'it starts again on the same data' healthy
check 'and still has the job' says 200 "$(status "$url/jobs/$job")"

if [ "$failed" -gt 0 ]; then
  echo "--- what foreman said:"
  podman logs "$name" 2>&1 | tail -30
fi
echo "image: $failed failed"
[ "$failed" -eq 0 ]
