#!/usr/bin/env bash
# Caddy asks the sidecar about each request to a service in Python. Ends by itself.
set -euo pipefail
cd "$(dirname "$0")"
source ../stand.sh
needs caddy
sidecar

okta-introspect serve snippet caddy --config serve.yaml --listen "127.0.0.1:$port" --backend "127.0.0.1:$backend" --directory . > /dev/null
export XDG_CONFIG_HOME=$work XDG_DATA_HOME=$work
# Without its administration, which would want a port of its own.
printf '{\n\tadmin off\n}\n' | cat - Caddyfile > Caddyfile.whole
in_background caddy run --adapter caddyfile --config Caddyfile.whole
walk
