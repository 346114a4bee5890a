"""paramiko by the door."""
import io
import os
import socket
import time

import paramiko
from sshtests import DATA, HOST, KEY, PORT, USER, Echo, digest, run


def connect():
    transport = paramiko.Transport((HOST, PORT))
    transport.start_client(timeout=60)
    if KEY:
        transport.auth_publickey(USER, paramiko.Ed25519Key.from_private_key_file(KEY))
    else:
        transport.auth_none(USER)
    client = paramiko.SSHClient()
    client._transport = transport
    return client


def test_command(there):
    with connect() as c:
        stdin, out, err = c.exec_command("cat; echo notes >&2; exit 42")
        stdin.write("what was piped")
        stdin.channel.shutdown_write()
        said = out.read(), err.read(), out.channel.recv_exit_status()
        assert said == (b"what was piped", b"notes\n", 42), said


def test_many_commands_in_one_connection(there):
    with connect() as c:
        running = [c.exec_command(f"sleep 0.2; echo {i}") for i in range(20)]
        assert [out.read() for _, out, _ in running] == [b"%d\n" % i for i in range(20)]


def test_large_output(there):
    with connect() as c:
        _, out, _ = c.exec_command("head -c 50000000 /dev/zero")
        assert digest(out.read()) == digest(bytes(50_000_000))


def test_rekey(there):
    with connect() as c:
        transport = c.get_transport()
        _, out, _ = c.exec_command("head -c 20000000 /dev/zero")
        got = out.read(1000)
        transport.renegotiate_keys()
        got += out.read()
        assert len(got) == 20_000_000


def test_shell(there):
    with connect() as c:
        shell = c.invoke_shell(term="xterm", width=90, height=30)
        shell.send(b"PS1=; stty -echo; stty size; echo the-$((40+2))\n")
        seen = until(shell, b"the-42")
        assert b"30 90" in seen, seen
        shell.resize_pty(width=120, height=40)
        shell.send(b"stty size; exit 7\n")
        until(shell, b"40 120")
        assert shell.recv_exit_status() == 7


def until(shell, words):
    seen = b""
    shell.settimeout(60)
    while words not in seen:
        more = shell.recv(4096)
        assert more, seen
        seen += more
    return seen


def test_environment(there):
    with connect() as c:
        _, out, _ = c.exec_command("echo $WORD", environment={"WORD": "of-mine"})
        assert out.read() == b"of-mine\n"


def test_sftp(there):
    with connect() as c, c.open_sftp() as sftp:
        path = there + "/a file"
        sftp.putfo(io.BytesIO(DATA), path)
        assert digest(open(path, "rb").read()) == digest(DATA)
        back = io.BytesIO()
        assert sftp.getfo(path, back) == len(DATA) and back.getvalue() == DATA
        assert sftp.stat(path).st_size == len(DATA)
        sftp.chmod(path, 0o600)
        sftp.truncate(path, 100)
        assert sftp.stat(path).st_size == 100
        sftp.mkdir(there + "/d")
        sftp.rename(path, there + "/d/b")
        sftp.posix_rename(there + "/d/b", there + "/d/c")
        sftp.symlink("c", there + "/d/l")
        assert sftp.readlink(there + "/d/l") == "c" and sorted(sftp.listdir(there + "/d")) == ["c", "l"]
        assert sftp.normalize(there + "/d/../d") == os.path.realpath(there) + "/d"
        sftp.chdir(there)
        with sftp.open("d/c", "r+") as f:
            f.seek(50)
            f.write(b"middle")
            f.seek(0)
            assert f.read(100)[50:56] == b"middle"
        sftp.remove(there + "/d/l")
        sftp.remove(there + "/d/c")
        sftp.rmdir(there + "/d")
        try:
            sftp.stat(there + "/d")
            raise AssertionError("it is still there")
        except FileNotFoundError:
            pass


def test_local_forward(there):
    with connect() as c, Echo() as echo:
        channel = c.get_transport().open_channel("direct-tcpip", ("127.0.0.1", echo.port), ("127.0.0.1", 1))
        exchange(channel)


def test_remote_forward(there):
    with connect() as c:
        transport = c.get_transport()
        port = transport.request_port_forward("127.0.0.1", 0)
        conn = socket.create_connection(("127.0.0.1", port))
        channel = transport.accept(60)
        conn.sendall(b"by the port")
        assert channel.recv(100) == b"by the port"
        channel.sendall(b"back")
        assert conn.recv(100) == b"back"
        transport.cancel_port_forward("127.0.0.1", port)


def exchange(channel):
    channel.sendall(DATA[:100_000])
    channel.shutdown_write()
    got = b""
    while more := channel.recv(65536):
        got += more
    assert got == DATA[:100_000]


def test_keepalive(there):
    with connect() as c:
        c.get_transport().set_keepalive(1)
        time.sleep(3)
        _, out, _ = c.exec_command("echo awake")
        assert out.read() == b"awake\n"


run(__name__)
