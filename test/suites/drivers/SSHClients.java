import com.jcraft.jsch.ChannelExec;
import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.ChannelShell;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import net.schmizz.sshj.DefaultConfig;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.connection.channel.direct.Parameters;
import net.schmizz.sshj.sftp.SFTPClient;
import net.schmizz.sshj.transport.verification.PromiscuousVerifier;
import net.schmizz.sshj.userauth.method.AuthNone;
import net.schmizz.sshj.xfer.FileSystemFile;
import org.apache.sshd.client.SshClient;
import org.apache.sshd.client.channel.ClientChannel;
import org.apache.sshd.client.channel.ClientChannelEvent;
import org.apache.sshd.client.keyverifier.AcceptAllServerKeyVerifier;
import org.apache.sshd.client.session.ClientSession;
import org.apache.sshd.common.channel.PtyChannelConfiguration;
import org.apache.sshd.common.keyprovider.FileKeyPairProvider;
import org.apache.sshd.common.util.net.SshdSocketAddress;
import org.apache.sshd.sftp.client.SftpClient;
import org.apache.sshd.sftp.client.SftpClientFactory;

/** SSH clients of the JVM by the door, the same tests for each. The argument chooses one: jsch, sshj or mina. */
public class SSHClients {
    static final String HOST = System.getenv("SSH_HOST"), USER = System.getenv("SSH_USER");
    static final int PORT = Integer.parseInt(System.getenv("SSH_PORT"));
    static final String KEY = System.getenv("SSH_KEY"); // empty: the tunnel has shown who it is
    static final Duration LIMIT = Duration.ofSeconds(120);
    static final byte[] DATA = new byte[3_000_017];

    /** How a command ended. */
    record Ended(byte[] out, byte[] err, int status) {
        boolean is(String wantedOut, String wantedErr, int wantedStatus) {
            return wantedOut.equals(text(out)) && wantedErr.equals(text(err)) && wantedStatus == status;
        }

        @Override
        public String toString() {
            return "out " + text(out) + ", err " + text(err) + ", status " + status;
        }
    }

    /** One connection of one of the clients. */
    interface Client extends AutoCloseable {
        Ended run(String command, byte[] stdin) throws Exception;

        /** A shell in a terminal of 90 columns and 30 rows that gets the lines. */
        Ended shell(String lines) throws Exception;

        Transfers files() throws Exception;

        /** Opens a local port that leads to the port at the server's side. */
        int forward(int port) throws Exception;

        void rekey() throws Exception;

        /** Whether keys can be renewed while data comes. */
        default boolean renewsWhileReading() {
            return true;
        }
    }

    /** SFTP. */
    interface Transfers extends AutoCloseable {
        void put(Path from, String to) throws Exception;

        void get(String from, Path to) throws Exception;

        long size(String path) throws Exception;

        List<String> list(String path) throws Exception;

        void rename(String from, String to) throws Exception;

        void remove(String path) throws Exception;

        void mkdir(String path) throws Exception;

        void rmdir(String path) throws Exception;
    }

    static class Jsch implements Client {
        final Session session;

        Jsch() throws Exception {
            JSch jsch = new JSch();
            if (!KEY.isEmpty()) {
                jsch.addIdentity(KEY);
            }
            session = jsch.getSession(USER, HOST, PORT);
            session.setConfig("StrictHostKeyChecking", "no");
            session.connect((int) LIMIT.toMillis());
        }

        @Override
        public Ended run(String command, byte[] stdin) throws Exception {
            ChannelExec channel = (ChannelExec) session.openChannel("exec");
            channel.setCommand(command);
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            channel.setErrStream(err);
            channel.setInputStream(new ByteArrayInputStream(stdin));
            InputStream out = channel.getInputStream();
            channel.connect((int) LIMIT.toMillis());
            byte[] read = out.readAllBytes();
            await(channel::isClosed);
            channel.disconnect();
            return new Ended(read, err.toByteArray(), channel.getExitStatus());
        }

        @Override
        public Ended shell(String lines) throws Exception {
            ChannelShell channel = (ChannelShell) session.openChannel("shell");
            channel.setPtyType("xterm", 90, 30, 0, 0);
            InputStream out = channel.getInputStream();
            OutputStream in = channel.getOutputStream();
            channel.connect((int) LIMIT.toMillis());
            in.write(lines.getBytes(StandardCharsets.UTF_8));
            in.flush();
            byte[] read = out.readAllBytes();
            await(channel::isClosed);
            channel.disconnect();
            return new Ended(read, new byte[0], channel.getExitStatus());
        }

        @Override
        public Transfers files() throws Exception {
            ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
            sftp.connect((int) LIMIT.toMillis());
            return new Transfers() {
                @Override
                public void put(Path from, String to) throws Exception {
                    sftp.put(from.toString(), to);
                }

                @Override
                public void get(String from, Path to) throws Exception {
                    sftp.get(from, to.toString());
                }

                @Override
                public long size(String path) throws Exception {
                    return sftp.stat(path).getSize();
                }

                @Override
                public List<String> list(String path) throws Exception {
                    return sftp.ls(path).stream().map(ChannelSftp.LsEntry::getFilename).toList();
                }

                @Override
                public void rename(String from, String to) throws Exception {
                    sftp.rename(from, to);
                }

                @Override
                public void remove(String path) throws Exception {
                    sftp.rm(path);
                }

                @Override
                public void mkdir(String path) throws Exception {
                    sftp.mkdir(path);
                }

                @Override
                public void rmdir(String path) throws Exception {
                    sftp.rmdir(path);
                }

                @Override
                public void close() {
                    sftp.disconnect();
                }
            };
        }

        @Override
        public int forward(int port) throws Exception {
            return session.setPortForwardingL("127.0.0.1", 0, "127.0.0.1", port);
        }

        @Override
        public void rekey() throws Exception {
            session.rekey();
        }

        /** Its reading thread, when a window has to be widened, waits for an exchange of keys that nobody else reads: with any server. */
        @Override
        public boolean renewsWhileReading() {
            return false;
        }

        @Override
        public void close() {
            session.disconnect();
        }
    }

    static class Sshj implements Client {
        final SSHClient ssh = new SSHClient(new DefaultConfig());
        final List<ServerSocket> listening = new ArrayList<>();

        Sshj() throws Exception {
            ssh.addHostKeyVerifier(new PromiscuousVerifier());
            ssh.connect(HOST, PORT);
            if (KEY.isEmpty()) {
                ssh.auth(USER, new AuthNone());
            } else {
                ssh.authPublickey(USER, KEY);
            }
        }

        @Override
        public Ended run(String command, byte[] stdin) throws Exception {
            try (var session = ssh.startSession(); var running = session.exec(command)) {
                return talk(running.getOutputStream(), stdin, true, running.getInputStream(), running.getErrorStream(), () -> {
                    running.join();
                    return running.getExitStatus();
                });
            }
        }

        @Override
        public Ended shell(String lines) throws Exception {
            try (var session = ssh.startSession()) {
                session.allocatePTY("xterm", 90, 30, 0, 0, Map.of());
                try (var shell = (net.schmizz.sshj.connection.channel.direct.SessionChannel) session.startShell()) {
                    return talk(shell.getOutputStream(), lines.getBytes(StandardCharsets.UTF_8), false, shell.getInputStream(),
                        shell.getErrorStream(), () -> {
                            shell.join();
                            return shell.getExitStatus();
                        });
                }
            }
        }

        @Override
        public Transfers files() throws Exception {
            SFTPClient sftp = ssh.newSFTPClient();
            return new Transfers() {
                @Override
                public void put(Path from, String to) throws Exception {
                    sftp.put(new FileSystemFile(from.toFile()), to);
                }

                @Override
                public void get(String from, Path to) throws Exception {
                    sftp.get(from, new FileSystemFile(to.toFile()));
                }

                @Override
                public long size(String path) throws Exception {
                    return sftp.size(path);
                }

                @Override
                public List<String> list(String path) throws Exception {
                    return sftp.ls(path).stream().map(f -> f.getName()).toList();
                }

                @Override
                public void rename(String from, String to) throws Exception {
                    sftp.rename(from, to);
                }

                @Override
                public void remove(String path) throws Exception {
                    sftp.rm(path);
                }

                @Override
                public void mkdir(String path) throws Exception {
                    sftp.mkdir(path);
                }

                @Override
                public void rmdir(String path) throws Exception {
                    sftp.rmdir(path);
                }

                @Override
                public void close() throws Exception {
                    sftp.close();
                }
            };
        }

        @Override
        public int forward(int port) throws Exception {
            ServerSocket local = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
            listening.add(local);
            var forwarder = ssh.newLocalPortForwarder(new Parameters("127.0.0.1", local.getLocalPort(), "127.0.0.1", port), local);
            background(() -> {
                forwarder.listen();
                return null;
            });
            return local.getLocalPort();
        }

        @Override
        public void rekey() throws Exception {
            ssh.rekey();
        }

        @Override
        public void close() throws Exception {
            for (ServerSocket local : listening) {
                local.close();
            }
            ssh.close();
        }
    }

    static class Mina implements Client {
        final SshClient ssh = SshClient.setUpDefaultClient();
        final ClientSession session;

        Mina() throws Exception {
            ssh.setServerKeyVerifier(AcceptAllServerKeyVerifier.INSTANCE);
            ssh.setKeyIdentityProvider(KEY.isEmpty() ? null : new FileKeyPairProvider(Path.of(KEY)));
            ssh.start();
            session = ssh.connect(USER, HOST, PORT).verify(LIMIT).getSession();
            session.auth().verify(LIMIT);
        }

        Ended through(ClientChannel channel, byte[] stdin) throws Exception {
            ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
            try (channel) {
                channel.setIn(new ByteArrayInputStream(stdin));
                channel.setOut(out);
                channel.setErr(err);
                channel.open().verify(LIMIT);
                if (channel.waitFor(EnumSet.of(ClientChannelEvent.CLOSED), LIMIT).contains(ClientChannelEvent.TIMEOUT)) {
                    throw new IOException("it does not end");
                }
                return new Ended(out.toByteArray(), err.toByteArray(), channel.getExitStatus());
            }
        }

        @Override
        public Ended run(String command, byte[] stdin) throws Exception {
            return through(session.createExecChannel(command), stdin);
        }

        @Override
        public Ended shell(String lines) throws Exception {
            PtyChannelConfiguration terminal = new PtyChannelConfiguration();
            terminal.setPtyType("xterm");
            terminal.setPtyColumns(90);
            terminal.setPtyLines(30);
            return through(session.createShellChannel(terminal, Map.of()), lines.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public Transfers files() throws Exception {
            SftpClient sftp = SftpClientFactory.instance().createSftpClient(session);
            return new Transfers() {
                @Override
                public void put(Path from, String to) throws Exception {
                    sftp.put(from, to);
                }

                @Override
                public void get(String from, Path to) throws Exception {
                    try (InputStream in = sftp.read(from)) {
                        Files.copy(in, to);
                    }
                }

                @Override
                public long size(String path) throws Exception {
                    return sftp.stat(path).getSize();
                }

                @Override
                public List<String> list(String path) throws Exception {
                    List<String> names = new ArrayList<>();
                    sftp.readDir(path).forEach(entry -> names.add(entry.getFilename()));
                    return names;
                }

                @Override
                public void rename(String from, String to) throws Exception {
                    sftp.rename(from, to);
                }

                @Override
                public void remove(String path) throws Exception {
                    sftp.remove(path);
                }

                @Override
                public void mkdir(String path) throws Exception {
                    sftp.mkdir(path);
                }

                @Override
                public void rmdir(String path) throws Exception {
                    sftp.rmdir(path);
                }

                @Override
                public void close() throws Exception {
                    sftp.close();
                }
            };
        }

        @Override
        public int forward(int port) throws Exception {
            return session.startLocalPortForwarding(new SshdSocketAddress("127.0.0.1", 0), new SshdSocketAddress("127.0.0.1", port)).getPort();
        }

        @Override
        public void rekey() throws Exception {
            session.reExchangeKeys().verify(LIMIT);
        }

        @Override
        public void close() throws Exception {
            session.close();
            ssh.stop();
        }
    }

    static final Map<String, Callable<Client>> CLIENTS = Map.of("jsch", Jsch::new, "sshj", Sshj::new, "mina", Mina::new);

    /** A test of one client, which has a directory at the server. */
    interface Test {
        void run(Client client, Path there) throws Exception;
    }

    static final Map<String, Test> TESTS = new LinkedHashMap<>();

    static {
        TESTS.put("command", (c, there) -> {
            Ended e = c.run("cat; echo notes >&2; exit 42", "what was piped".getBytes(StandardCharsets.UTF_8));
            check(e.is("what was piped", "notes\n", 42), e);
        });
        TESTS.put("many_commands_in_one_connection", (c, there) -> {
            List<Future<Ended>> running = new ArrayList<>();
            for (int i = 0; i < 9; i++) {
                String command = "sleep 0.2; echo " + i;
                running.add(background(() -> c.run(command, new byte[0])));
            }
            for (int i = 0; i < running.size(); i++) {
                Ended e = running.get(i).get();
                check(e.is(i + "\n", "", 0), e);
            }
        });
        TESTS.put("large_output", (c, there) -> {
            Ended e = c.run("head -c 50000000 /dev/zero", new byte[0]);
            check(e.status == 0 && Arrays.equals(e.out, new byte[50_000_000]), e.out.length);
        });
        TESTS.put("large_input", (c, there) -> {
            Ended e = c.run("cat >" + there + "/one", DATA);
            check(e.is("", "", 0) && Arrays.equals(Files.readAllBytes(there.resolve("one")), DATA), e);
        });
        TESTS.put("rekey", (c, there) -> {
            Future<Ended> running = background(() -> c.run("head -c 20000000 /dev/zero", new byte[0]));
            if (!c.renewsWhileReading()) {
                running.get();
            }
            c.rekey();
            Ended e = running.get(), after = c.run("head -c 2000000 /dev/zero", new byte[0]);
            check(e.status == 0 && e.out.length == 20_000_000, e.out.length);
            check(after.status == 0 && after.out.length == 2_000_000, after.out.length);
        });
        TESTS.put("shell", (c, there) -> {
            Ended e = c.shell("PS1=; stty -echo; stty size; echo the-$((40+2)); exit 7\n");
            check(text(e.out).contains("30 90") && text(e.out).contains("the-42") && e.status == 7, e);
        });
        TESTS.put("sftp", (c, there) -> {
            Path here = Files.createTempDirectory("suite");
            Path one = Files.write(here.resolve("one"), DATA), two = here.resolve("two");
            try (Transfers f = c.files()) {
                String name = there + "/a file";
                f.put(one, name);
                check(f.size(name) == DATA.length && Arrays.equals(Files.readAllBytes(there.resolve("a file")), DATA), "what was put is another");
                f.get(name, two);
                check(Arrays.equals(Files.readAllBytes(two), DATA), "what was got is another");
                f.mkdir(there + "/d");
                f.rename(name, there + "/d/b");
                check(f.list(there + "/d").contains("b"), "it is not listed");
                f.remove(there + "/d/b");
                f.rmdir(there + "/d");
                check(Files.notExists(there.resolve("d")), "it is still there");
            }
            removeAll(here);
        });
        TESTS.put("local_forward", (c, there) -> {
            try (ServerSocket echo = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
                background(() -> {
                    try (Socket conn = echo.accept()) {
                        return conn.getInputStream().transferTo(conn.getOutputStream());
                    }
                });
                byte[] sent = Arrays.copyOf(DATA, 100_000);
                try (Socket conn = new Socket()) {
                    conn.connect(new InetSocketAddress("127.0.0.1", c.forward(echo.getLocalPort())));
                    conn.setSoTimeout((int) LIMIT.toMillis());
                    conn.getOutputStream().write(sent);
                    check(Arrays.equals(conn.getInputStream().readNBytes(sent.length), sent), "what came back is another");
                }
            }
        });
    }

    static final ExecutorService THREADS = Executors.newCachedThreadPool(r -> {
        Thread t = new Thread(r);
        t.setDaemon(true);
        return t;
    });

    static <T> Future<T> background(Callable<T> work) {
        return THREADS.submit(work);
    }

    /** Sends to a command while it reads what this one prints. */
    static Ended talk(OutputStream in, byte[] stdin, boolean ends, InputStream out, InputStream err, Callable<Integer> status) throws Exception {
        Future<byte[]> read = background(out::readAllBytes), notes = background(err::readAllBytes);
        in.write(stdin);
        in.flush();
        if (ends) {
            in.close();
        }
        return new Ended(read.get(), notes.get(), status.call());
    }

    static void await(Callable<Boolean> done) throws Exception {
        for (long until = System.nanoTime() + LIMIT.toNanos(); !done.call(); Thread.sleep(10)) {
            check(System.nanoTime() < until, "it does not end");
        }
    }

    static void check(boolean holds, Object otherwise) {
        if (!holds) {
            throw new AssertionError(String.valueOf(otherwise));
        }
    }

    static String text(byte[] b) {
        return new String(b, StandardCharsets.UTF_8);
    }

    static void removeAll(Path dir) throws IOException {
        try (var all = Files.walk(dir)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }

    public static void main(String[] args) {
        new Random().nextBytes(DATA);
        TESTS.forEach((name, test) -> {
            System.out.println("has " + name);
            try {
                Path there = Files.createTempDirectory("suite");
                try (Client client = CLIENTS.get(args[0]).call()) {
                    test.run(client, there);
                } finally {
                    removeAll(there);
                }
                System.out.println("ok " + name);
            } catch (Exception | AssertionError e) {
                System.out.println("not ok " + name);
                e.printStackTrace(System.out);
            }
        });
        System.exit(0); // a client's own threads may still be there
    }
}
