package files

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// bridge passes between the two sides what the decoder lets pass, until either ends. It gives the decoder's error.
func bridge(d Decoder, client, server io.ReadWriteCloser) error {
	var (
		toServer, toClient, whole sync.Mutex
		both                      sync.WaitGroup
		once                      sync.Once
		failed                    error
	)
	_, turns := d.(*SCP)
	write := func(mu *sync.Mutex, w io.Writer, b []byte) {
		if len(b) > 0 {
			mu.Lock()
			defer mu.Unlock()
			_, _ = w.Write(b)
		}
	}
	pump := func(from io.Reader, take func([]byte) ([]byte, []byte, error)) error {
		if turns {
			inner := take
			take = func(b []byte) ([]byte, []byte, error) {
				whole.Lock()
				defer whole.Unlock()
				s, c, err := inner(b)
				write(&toServer, server, s)
				write(&toClient, client, c)
				return nil, nil, err
			}
		}
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				s, c, err := take(buf[:n])
				write(&toServer, server, s)
				write(&toClient, client, c)
				if err != nil {
					return err
				}
			}
			if err != nil {
				return nil //nolint:nilerr // however it ended, it has ended
			}
		}
	}
	fail := func(err error) {
		if err != nil {
			once.Do(func() { failed = err })
			_, _ = client.Close(), server.Close()
		}
	}
	both.Add(2)
	go func() { defer both.Done(); fail(pump(client, d.FromClient)); closeWrite(server) }()
	go func() { defer both.Done(); fail(pump(server, d.FromServer)); _ = client.Close() }()
	both.Wait()
	_ = server.Close()
	d.Close()
	return failed
}

func closeWrite(c io.Closer) {
	switch c := c.(type) {
	case *net.UnixConn:
		_ = c.CloseWrite()
	case *program:
		_ = c.in.Close()
	default: // it cannot be closed in one direction
		_ = c.Close()
	}
}

// program is a server that speaks on its standard streams.
type program struct {
	io.Reader
	in  io.WriteCloser
	cmd *exec.Cmd
}

func start(t testing.TB, dir, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &program{out, in, cmd}
}

func (p *program) Write(b []byte) (int, error) { return p.in.Write(b) }

func (p *program) Close() error {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	return nil
}

const sftpServer = "/usr/lib/openssh/sftp-server"

// entrance listens where a stock client's "ssh" connects (main_test.go), and passes one connection through the decoder to the server that
// serve gives for the command line. wait gives the decoder's error once that has ended.
func entrance(t *testing.T, serve func(command string) (Decoder, *program)) (socket string, wait func() error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "files") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			result <- err
			return
		}
		d, server := serve(line(conn))
		result <- bridge(d, conn.(*net.UnixConn), server)
	}()
	t.Cleanup(func() { _, _ = listener.Close(), os.RemoveAll(dir) })
	return socket, func() error { return <-result }
}

// line reads as far as the end of a line.
func line(r io.Reader) string {
	var out []byte
	for b := make([]byte, 1); ; out = append(out, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil || b[0] == '\n' {
			return string(out)
		}
	}
}

// client runs a stock client whose connection ends at the socket.
func client(t *testing.T, socket, dir, stdin, name string, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), socketVariable+"="+socket)
	if stdin != "" {
		in, err := os.CreateTemp(t.TempDir(), "commands")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.WriteString(stdin); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		cmd.Stdin = in
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// self is the test's own program, which stands for ssh.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
