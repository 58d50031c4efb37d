#!/usr/bin/env bash
# nginx asks the sidecar about each request to a service in Python. Ends by itself.
set -euo pipefail
cd "$(dirname "$0")"
source ../stand.sh
needs nginx
sidecar

okta-introspect serve snippet nginx --config serve.yaml --listen "127.0.0.1:$port" --backend "127.0.0.1:$backend" --directory . > /dev/null
user=
# As root nginx gives its workers to another user, which this folder is closed to.
[ "$(id -u)" -ne 0 ] || user='user root;'
cat > nginx.conf << END
$user daemon off; pid nginx.pid; error_log stderr crit;
events {}
http {
    access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    include okta-introspect.conf;
}
END
in_background nginx -e stderr -p "$work" -c "$work/nginx.conf"
walk
