"""What our tests of Python's SSH clients share: each function named test_... of the program is one. The door is in the environment."""
import asyncio
import hashlib
import inspect
import os
import socket
import sys
import tempfile
import threading
import traceback

HOST, PORT, USER = os.environ["SSH_HOST"], int(os.environ["SSH_PORT"]), os.environ["SSH_USER"]
KEY = os.environ["SSH_KEY"]  # empty: the tunnel has shown who it is
DATA = os.urandom(3_000_017)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Echo:
    """A server on this machine that sends back what it gets."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(conn,), daemon=True).start()

    @staticmethod
    def echo(conn):
        while data := conn.recv(65536):
            conn.sendall(data)
        conn.close()

    def __exit__(self, *_):
        self.listener.close()


def run(module):
    for name, test in list(vars(sys.modules[module]).items()):
        if not name.startswith("test_"):
            continue
        print("has", name[5:], flush=True)
        try:
            with tempfile.TemporaryDirectory() as there:
                result = test(there)
                if inspect.iscoroutine(result):
                    asyncio.run(asyncio.wait_for(result, 120))
            print("ok", name[5:], flush=True)
        except Exception:
            print("not ok", name[5:], flush=True)
            traceback.print_exc()
