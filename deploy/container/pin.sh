#!/bin/sh
# pin.sh [FILE]: asks the registry for the digest of Kafka's image and keeps it in FILE (.env), where
# Docker Compose finds it. Compare it with another source before the first use; it is printed.
set -eu
cd "$(dirname "$0")/../.."
file=${1:-.env}
image=$(sed -n 's/^ *image: \(apache\/kafka:[0-9.]*\)@.*/\1/p' docker-compose.yml)
digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
if ! printf '%s\n' "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}'; then
  echo "The registry gave no digest for $image." >&2
  exit 3
fi
touch "$file"
others=$(grep -v '^KAFKA_DIGEST=' "$file" || true)
{
  [ -z "$others" ] || printf '%s\n' "$others"
  printf 'KAFKA_DIGEST=%s\n' "$digest"
} >"$file.new"
mv "$file.new" "$file"
echo "$image@$digest"
