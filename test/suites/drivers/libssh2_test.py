"""libssh2 by the door, through its bindings for Python."""
import socket

from ssh2.session import Session
from ssh2.sftp import LIBSSH2_FXF_CREAT, LIBSSH2_FXF_READ, LIBSSH2_FXF_TRUNC, LIBSSH2_FXF_WRITE
from sshtests import DATA, HOST, KEY, PORT, USER, Echo, digest, run


class connect:
    def __enter__(self):
        self.socket = socket.create_connection((HOST, PORT))
        session = Session()
        session.handshake(self.socket)
        methods = session.userauth_list(USER)  # which asks for none
        if KEY:
            session.userauth_publickey_fromfile(USER, KEY)
        assert session.userauth_authenticated(), methods
        return session

    def __exit__(self, *_):
        self.socket.close()


def read(channel):
    got = b""
    while True:
        size, data = channel.read(65536)
        if size <= 0:
            return got
        got += data


def test_command(there):
    with connect() as session:
        channel = session.open_session()
        channel.execute("cat; exit 42")
        channel.write(b"what was piped")
        channel.send_eof()
        assert read(channel) == b"what was piped"
        channel.wait_eof()
        channel.close()
        channel.wait_closed()
        assert channel.get_exit_status() == 42


def test_large_output(there):
    with connect() as session:
        channel = session.open_session()
        channel.execute("head -c 20000000 /dev/zero")
        assert digest(read(channel)) == digest(bytes(20_000_000))


def test_shell(there):
    with connect() as session:
        channel = session.open_session()
        channel.pty("xterm")
        channel.shell()
        channel.write(b"PS1=; stty -echo; stty size; echo the-$((40+2)); exit\n")
        seen = read(channel)
        assert b"24 80" in seen and b"the-42" in seen, seen


def test_sftp(there):
    with connect() as session:
        sftp = session.sftp_init()
        with sftp.open(there + "/one", LIBSSH2_FXF_CREAT | LIBSSH2_FXF_WRITE | LIBSSH2_FXF_TRUNC, 0o600) as f:
            f.write(DATA)
        assert digest(open(there + "/one", "rb").read()) == digest(DATA)
        with sftp.open(there + "/one", LIBSSH2_FXF_READ, 0) as f:
            assert digest(b"".join(data for _, data in f)) == digest(DATA)
        sftp.mkdir(there + "/d", 0o700)
        sftp.rename(there + "/one", there + "/d/two")
        assert sftp.stat(there + "/d/two").filesize == len(DATA)
        with sftp.opendir(there + "/d") as d:
            assert sorted(name for _, name, _ in d.readdir()) == [b".", b"..", b"two"]
        sftp.unlink(there + "/d/two")
        sftp.rmdir(there + "/d")


def test_scp(there):
    with connect() as session:
        channel = session.scp_send64(there + "/one", 0o600, len(DATA), 0, 0)
        channel.write(DATA)
        channel.send_eof()
        channel.wait_eof()
        channel.wait_closed()
        assert digest(open(there + "/one", "rb").read()) == digest(DATA)
        channel, info = session.scp_recv2(there + "/one")
        got = b""
        while len(got) < info.st_size:
            size, data = channel.read(65536)
            assert size > 0
            got += data
        assert digest(got[: info.st_size]) == digest(DATA)


def test_local_forward(there):
    with connect() as session, Echo() as echo:
        channel = session.direct_tcpip("127.0.0.1", echo.port)
        channel.write(DATA[:30_000])
        channel.send_eof()
        assert read(channel) == DATA[:30_000]


run(__name__)
