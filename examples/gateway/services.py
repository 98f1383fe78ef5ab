"""Two small services to stand behind the gateway: each says who it is, /events never ends, and /verify says who may
pass: whoever brings X-Key: open-sesame."""

import http.server
import sys
import threading
import time


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/events":
            return self.events()
        if self.path == "/verify":
            return self.verify()
        text = f"{self.server.server_port} answers {self.command} {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    do_PUT = do_DELETE = do_POST

    def verify(self):
        passes = self.headers.get("X-Key") == "open-sesame"
        self.send_response(204 if passes else 401)
        if passes:
            self.send_header("Remote-User", "ali")
        else:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for number in range(10**9):
                self.wfile.write(f"data: {number}\n\n".encode())
                self.wfile.flush()
                time.sleep(1)
        except OSError:
            pass


def main():
    ports = [int(port) for port in sys.argv[1:]] or [3000, 3001]
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", port), Service) for port in ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


main()
