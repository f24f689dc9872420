"""Write a service for aictl in Python, with the standard library alone.

    from aictl_plugin import Service, Invalid

    service = Service()

    @service.operation("greet")
    def greet(data, call):
        if "name" not in data:
            raise Invalid("name is missing")
        return {"text": f"Hello, {data['name']}"}

    service.run()

A handler takes the call's input (the decoded JSON) and the Call, and returns
the answer, or yields its parts: a generator is streamed as server-sent events
to a caller who asked for that, and sent as a list to one who did not.

The supervisor says where to listen (AICTL_SOCKET, or AICTL_HOST and
AICTL_PORT), asks /readyz before it sends calls, and ends the service by
SIGTERM: it then takes no new calls, finishes those in flight and exits.
Handlers run in threads, at most AICTL_CONCURRENCY of them (64 by default);
what is over that is refused with 429, for the caller to try elsewhere.
Print nothing secret: stdout and stderr are the service's log.
"""

import contextlib
import json
import os
import select
import signal
import socket
import socketserver
import sys
import threading
import time
import traceback
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler

__all__ = ["Call", "Canceled", "Invalid", "PluginError", "Service"]

MAX_BODY = int(os.environ.get("AICTL_MAX_BODY", 8 << 20))


class PluginError(Exception):
    """An error that the caller sees: a code of aictl, and a message."""

    code, status = "failed", 500

    def __init__(self, message, code=None, status=None):
        super().__init__(message)
        self.code = code or self.code
        self.status = status or self.status


class Invalid(PluginError):
    """The input is wrong; the message says how to mend it."""

    code, status = "usage", 400


class Canceled(PluginError):
    """The caller has gone away."""

    code, status = "canceled", 499


class Call:
    """One call: who is asking, and whether somebody still waits."""

    def __init__(self, operation, headers, connection):
        self.operation = operation
        self.request_id = headers.get("X-Request-Id", "")
        self.traceparent = headers.get("traceparent", "")
        self.streaming = "text/event-stream" in headers.get("Accept", "")
        self._connection = connection

    @property
    def canceled(self):
        """Whether the caller has gone away: long work should look now and then."""
        try:
            readable, _, _ = select.select([self._connection], [], [], 0)
            return bool(readable) and not self._connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def check(self):
        """Raise Canceled where the caller has gone away."""
        if self.canceled:
            raise Canceled("the caller has gone away")

    def log(self, message, level="info", **fields):
        """Write one line of the service's log, with the call's ids."""
        write_log(level, message, request_id=self.request_id, traceparent=self.traceparent, **fields)


def write_log(level, message, request_id="", traceparent="", **fields):
    """Write one line in the Elastic Common Schema to stdout."""
    line = {
        "@timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "log.level": level,
        "message": message,
        "service.name": os.environ.get("AICTL_SERVICE", ""),
    }
    if request_id:
        line["http.request.id"] = request_id
    parts = traceparent.split("-")
    if len(parts) == 4:
        line["trace.id"] = parts[1]
    with _log_lock:
        sys.stdout.write(json.dumps({**line, **fields}, default=str) + "\n")
        sys.stdout.flush()


_log_lock = threading.Lock()


class Service:
    """A set of operations, and the server that answers for them."""

    def __init__(self):
        self._operations = {}
        self._ready = []
        self._draining = threading.Event()
        self._slots = threading.BoundedSemaphore(int(os.environ.get("AICTL_CONCURRENCY", 64)))

    def operation(self, name):
        """Register a handler: a function of the input and the Call."""

        def register(handler):
            self._operations[name] = handler
            return handler

        return register

    def ready(self, check):
        """Register a check: the service is ready when all of them return true."""
        self._ready.append(check)
        return check

    def is_ready(self):
        return not self._draining.is_set() and all(check() for check in self._ready)

    def run(self):
        """Serve until SIGTERM, and then until the last call is answered."""
        server = _listen(self)

        def stop(*_):
            self._draining.set()
            # shutdown() waits for the loop that this very signal interrupts.
            threading.Thread(target=server.shutdown, daemon=True).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        try:
            server.serve_forever(poll_interval=0.05)
        finally:
            server.server_close()
            server.wait(float(os.environ.get("AICTL_DRAIN", 10)))


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, address, family, service):
        self.address_family = family
        self.service = service
        self.idle = threading.Condition()
        self.busy = 0
        super().__init__(address, _Handler)

    @contextlib.contextmanager
    def answering(self):
        with self.idle:
            self.busy += 1
        try:
            yield
        finally:
            with self.idle:
                self.busy -= 1
                self.idle.notify_all()

    def wait(self, limit):
        end = time.monotonic() + limit
        with self.idle:
            while self.busy and time.monotonic() < end:
                self.idle.wait(end - time.monotonic())

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a caller that went away is no error
            write_log("error", "connection failed", **{"error.stack_trace": traceback.format_exc()})


def _listen(service):
    path = os.environ.get("AICTL_SOCKET")
    if path:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        before = os.umask(0o177)
        try:
            return _Server(path, socket.AF_UNIX, service)
        finally:
            os.umask(before)
    host, port = os.environ.get("AICTL_HOST", "127.0.0.1"), os.environ.get("AICTL_PORT")
    if not port:
        sys.exit("neither AICTL_SOCKET nor AICTL_PORT is set: start this service with `aictl deploy apply -f plugin.yaml`")
    return _Server((host, int(port)), socket.AF_INET6 if ":" in host else socket.AF_INET, service)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False  # a Unix socket has none
    wbufsize = -1

    def setup(self):
        if self.request.family != socket.AF_UNIX:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        super().setup()

    def address_string(self):
        return "local"

    def log_message(self, *_):
        pass

    def do_GET(self):
        service = self.server.service
        if self.path == "/livez":
            self._json(200, {"live": True})
        elif self.path == "/readyz":
            ready = service.is_ready()
            self._json(200 if ready else 503, {"ready": ready})
        else:
            self._problem(404, "notfound", f"there is no {self.path}")

    def do_POST(self):
        with self.server.answering():
            self._post()

    def _post(self):
        service = self.server.service
        body = self._body()
        if body is None:
            return
        name = self.path.removeprefix("/invoke/")
        handler = service._operations.get(name) if self.path.startswith("/invoke/") else None
        if handler is None:
            return self._problem(404, "notfound", f"there is no operation {name!r}")
        if not service._slots.acquire(blocking=False):
            return self._problem(429, "limited", "all slots of this replica are taken", retry_after=1)
        call = Call(name, self.headers, self.connection)
        try:
            self._answer(handler, body, call)
        except (BrokenPipeError, ConnectionResetError, Canceled):
            self.close_connection = True
        except PluginError as e:
            self._problem(e.status, e.code, str(e))
        except Exception as e:  # noqa: BLE001: whatever a handler raises is an answer
            call.log(f"{name} failed: {type(e).__name__}", "error", **{"error.stack_trace": traceback.format_exc()})
            self._problem(500, "internal", f"{name} failed; the service's log has the cause")
        finally:
            service._slots.release()

    def _answer(self, handler, body, call):
        try:
            data = json.loads(body) if body else {}
        except ValueError as e:
            raise Invalid(f"the input is no JSON: {e}") from None
        result = handler(data, call)
        parts = result if hasattr(result, "__next__") else None
        if not call.streaming:
            return self._json(200, list(parts) if parts is not None else result)
        # The first part decides between an answer and an error: a failure
        # before it still has a status of its own.
        parts = parts if parts is not None else iter([result])
        nothing = object()
        first = next(parts, nothing)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self._last()
        self.end_headers()
        try:
            if first is not nothing:
                self._event(first)
                for part in parts:
                    self._event(part)
            self._chunk(b"event: done\ndata: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError, Canceled):
            raise
        except Exception as e:  # noqa: BLE001: the failure goes into the stream
            known = isinstance(e, PluginError)
            if not known:
                call.log(f"{call.operation} failed in the stream", "error", **{"error.stack_trace": traceback.format_exc()})
            problem = _problem(e.status if known else 500, e.code if known else "internal", str(e) if known else f"{call.operation} failed; the service's log has the cause")
            self._chunk(b"event: error\ndata: " + _dump(problem) + b"\n\n")
        finally:
            if hasattr(parts, "close"):
                parts.close()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _last(self):
        """Say that a connection ends with this answer, where the service does."""
        if self.server.service._draining.is_set():
            self.send_header("Connection", "close")
            self.close_connection = True

    def _event(self, value):
        self._chunk(b"data: " + _dump(value) + b"\n\n")

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _body(self):
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            return self._problem(411, "usage", "send a Content-Length")
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            return self._problem(413, "too_large", f"the input is over {MAX_BODY} bytes")
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def _json(self, status, value, kind="application/json", headers=()):
        body = _dump(value)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, v in headers:
            self.send_header(name, v)
        self._last()
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _problem(self, status, code, detail, retry_after=None):
        extra = [("Retry-After", str(retry_after))] if retry_after else []
        self._json(status, _problem(status, code, detail), "application/problem+json", extra)


def _problem(status, code, detail):
    return {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}


def _dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
