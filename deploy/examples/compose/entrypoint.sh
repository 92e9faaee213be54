#!/bin/sh
# Settings that are secrets come as files: what is in /run/secrets/pensieve_api_key becomes PENSIEVE_API_KEY.
set -eu
for file in "${SECRETS:-/run/secrets}"/pensieve_*; do
    [ -f "$file" ] || continue
    name=$(basename "$file" | tr '[:lower:]' '[:upper:]')
    export "$name=$(cat "$file")"
done
exec "$@"
