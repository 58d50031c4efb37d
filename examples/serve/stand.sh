# What the examples share: a sandbox in place of Okta, the sidecar, the service, and a look at all of it.
# Everything is in a temporary folder and ends with the script.

PATH=$PATH:/usr/sbin
here=$PWD
work=$(mktemp -d)
processes=()

end() {
  local process
  for process in "${processes[@]}"; do kill "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap end EXIT

fail() { printf '%s\n' "$*" >&2; exit 1; }

# needs PROGRAM...: or the script ends with 77, which means that it was skipped.
needs() {
  local program
  for program in "$@"; do
    command -v "$program" > /dev/null || { echo "$program is not installed"; exit 77; }
  done
}

needs okta-introspect python3 curl

# in_background COMMAND...: a process that ends with the script.
in_background() { "$@" > "$work/$(basename "$1").$((${#processes[@]})).log" 2>&1 & processes+=($!); }

# until_it_works COMMAND...: tries for ten seconds.
until_it_works() {
  local try
  for try in $(seq 100); do
    "$@" > /dev/null 2>&1 && return
    sleep 0.1
  done
  cat "$work"/*.log >&2
  fail "this did not work: $*"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A home and a runtime folder of its own, so that nothing of yours is found or touched.
for name in $(compgen -e OKTA_ || true); do unset "$name"; done
mkdir -m 700 "$work/home" "$work/run"
export HOME=$work/home XDG_RUNTIME_DIR=$work/run
cd "$work"

# The sandbox prints `export` lines, then runs on.
in_background okta-introspect sandbox
until_it_works grep -q OKTA_CLIENT_SCOPES "$work/okta-introspect.0.log"
eval "$(grep '^export ' "$work/okta-introspect.0.log")"

port=$(free_port) backend=$(free_port)
in_background python3 "$here/../app.py" "$backend"

# sidecar: starts it with serve.yaml, which is beside the script, and waits until it is ready.
sidecar() {
  install -m 0644 "$here/serve.yaml" "$work/serve.yaml"
  okta-introspect serve --config serve.yaml --check > "$work/check.log"
  in_background okta-introspect serve --config serve.yaml
  until_it_works curl --fail --silent --unix-socket management.sock http://sidecar/readyz
}

# look EXPECTED WHAT CURL-OPTIONS...: one request through the proxy, shown and held against what is expected.
look() {
  local expected=$1 what=$2 status
  shift 2
  status=$(curl --silent --output body.txt --write-out '%{http_code}' "$@")
  printf '%-22s %s  %s\n' "$what" "$status" "$(head -c 200 body.txt | head -n 1)"
  [ "$status" = "$expected" ] || fail "$what: $status instead of $expected"
}

# walk: good, no token, wrong scope, forged headers, revoked.
walk() {
  local url=http://127.0.0.1:$port begun
  until_it_works curl --silent "$url/"
  # Tokens go through files, never through the list of processes.
  okta-introspect token --auth-server default --scope orders.read > token.txt
  sed 's/^/Authorization: Bearer /' token.txt > header.txt
  look 200 'good' -H @header.txt "$url/orders"
  grep -q '0oasandbox' body.txt || fail 'the service was not told who it is'
  look 401 'no token' "$url/orders"
  look 403 'wrong scope' -H @header.txt -X DELETE "$url/orders/7"
  look 403 'no rule' -H @header.txt "$url/admin"
  look 200 'forged headers' -H @header.txt -H 'X-Auth-Sub: evil' -H 'X_Auth_Sub: evil' "$url/orders"
  grep -q 'evil' body.txt && fail 'a forged header reached the service'
  okta-introspect revoke --auth-server default < token.txt > /dev/null
  begun=$SECONDS
  while [ "$(curl --silent --output /dev/null --write-out '%{http_code}' -H @header.txt "$url/orders")" = 200 ]; do
    [ $((SECONDS - begun)) -le 10 ] || fail 'a revoked token is still good after ten seconds'
    sleep 0.1
  done
  look 401 'revoked' -H @header.txt "$url/orders"
}
