"""The API behind the gateways: it answers with what it was sent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.read_body()
        self.server.seen += 1
        told = {"method": self.command, "path": self.path, "fields": list(self.headers.items()), "body": body.decode()}
        text = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = b""
        while length := int(self.rfile.readline(), 16):
            chunks += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return chunks

    def log_message(self, *_):
        pass


class Upstream(ThreadingHTTPServer):
    """Counts in `seen` the requests that reached it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Echo)
        self.seen = 0
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Gateways close connections that they keep as they like."""
