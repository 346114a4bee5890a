"""asyncssh by the door."""
import asyncio
import os

import asyncssh
from sshtests import DATA, HOST, KEY, PORT, USER, Echo, digest, run


def connect(**options):
    keys = [KEY] if KEY else None
    return asyncssh.connect(HOST, PORT, username=USER, client_keys=keys, known_hosts=None, agent_path=None, config=None, login_timeout=60, **options)


async def test_command(there):
    async with connect() as c:
        r = await c.run("cat; echo notes >&2; exit 42", input="what was piped")
        assert (r.stdout, r.stderr, r.exit_status) == ("what was piped", "notes\n", 42)


async def test_many_commands_in_one_connection(there):
    async with connect() as c:
        done = await asyncio.gather(*(c.run(f"sleep 0.2; echo {i}") for i in range(20)))
        assert [r.stdout for r in done] == [f"{i}\n" for i in range(20)]


async def test_both_directions(there):
    async with connect() as c:
        r = await c.run("cat", input=DATA, encoding=None)
        assert digest(r.stdout) == digest(DATA)


async def test_rekey(there):
    async with connect(rekey_bytes=1_000_000) as c:
        r = await c.run("cat", input=DATA * 3, encoding=None)
        assert digest(r.stdout) == digest(DATA * 3)


async def test_shell(there):
    async with connect() as c:
        process = await c.create_process(term_type="xterm", term_size=(90, 30))
        process.stdin.write("PS1=; stty -echo; stty size; echo the-$((40+2))\n")
        assert "30 90" in await process.stdout.readuntil("the-42")
        process.change_terminal_size(120, 40)
        process.stdin.write("stty size; exit 7\n")
        await process.stdout.readuntil("40 120")
        assert (await process.wait()).exit_status == 7


async def test_sftp(there):
    async with connect() as c, c.start_sftp_client() as sftp:
        os.makedirs("tree/deep", exist_ok=True)
        for name in ("tree/one", "tree/deep/two"):
            with open(name, "wb") as f:
                f.write(DATA)
        await sftp.put("tree", there + "/tree", recurse=True, preserve=True)
        await sftp.get(there + "/tree", "back", recurse=True)
        assert digest(open("back/deep/two", "rb").read()) == digest(DATA)
        assert sorted(await sftp.listdir(there + "/tree")) == [".", "..", "deep", "one"]
        assert await sftp.glob(there + "/tree/*/t*") == [there + "/tree/deep/two"]
        await sftp.rmtree(there + "/tree")
        assert not await sftp.exists(there + "/tree")


async def test_scp(there):
    async with connect() as c:
        with open("one", "wb") as f:
            f.write(DATA)
        await asyncssh.scp("one", (c, there + "/one"))
        await asyncssh.scp((c, there + "/one"), "two")
        assert digest(open("two", "rb").read()) == digest(DATA)


async def exchange(port, reader_writer=None):
    reader, writer = reader_writer or await asyncio.open_connection("127.0.0.1", port)
    writer.write(DATA[:100_000])
    writer.write_eof()
    assert await reader.read(-1) == DATA[:100_000]
    writer.close()


async def test_local_forward(there):
    async with connect() as c:
        with Echo() as echo:
            listener = await c.forward_local_port("127.0.0.1", 0, "127.0.0.1", echo.port)
            await asyncio.gather(*(exchange(listener.get_port()) for _ in range(5)))


async def test_remote_forward(there):
    async with connect() as c:
        with Echo() as echo:
            listener = await c.forward_remote_port("127.0.0.1", 0, "127.0.0.1", echo.port)
            await asyncio.gather(*(exchange(listener.get_port()) for _ in range(5)))


async def test_socket_forward(there):
    async with connect() as c:
        server = await asyncio.start_unix_server(lambda r, w: echo_back(r, w), there + "/socket")
        reader, writer = await c.open_unix_connection(there + "/socket", encoding=None)
        await exchange(0, (reader, writer))
        server.close()


async def echo_back(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def test_connection_through_the_connection(there):
    async with connect() as c:
        server, port = os.environ["SSH_HOST"], int(os.environ["SSH_PORT"])
        async with connect(tunnel=c) as inner:
            assert (await inner.run("echo inside")).stdout == "inside\n", (server, port)


run(__name__)
