#!/usr/bin/env python3
"""A service that knows nothing of tokens: the proxy in front of it lets in who may, and tells who it is.

    app.py PORT

It must not be reachable but through the proxy, for it believes these headers.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # What is not plain ASCII comes percent-encoded; `-` is what a token does not say.
        subject = unquote(self.headers["X-Auth-Sub"])
        client = unquote(self.headers["X-Auth-Client-Id"])
        scopes = self.headers["X-Auth-Scope"].split()
        text = f"orders of {subject}, by {client}, which may {', '.join(scopes)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Orders).serve_forever()
