package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"github.com/pkg/sftp"
)

// pipe is one end of a connection inside the test's own program.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	a, b = net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// TestConcurrentClient has a client that reads and writes one file in many requests at once, whose answers come in any order, against a
// server that works on several at once, and against OpenSSH's.
func TestConcurrentClient(t *testing.T) {
	data := make([]byte, 5<<20+123)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	sum := sha256.Sum256(data)
	for name, serve := range map[string]func(t *testing.T) io.ReadWriteCloser{
		"OpenSSH": func(t *testing.T) io.ReadWriteCloser { return start(t, t.TempDir(), sftpServer) },
		"several at once": func(t *testing.T) io.ReadWriteCloser {
			ours, its := pipe(t)
			server := sftp.NewRequestServer(its, sftp.InMemHandler())
			go func() { _ = server.Serve(); _ = server.Close() }()
			return ours
		},
	} {
		t.Run(name, func(t *testing.T) {
			gate := &ledger{}
			ours, its := pipe(t)
			done := make(chan error, 1)
			go func() { done <- bridge(NewSFTP(gate), ours, serve(t)) }()
			client, err := sftp.NewClientPipe(its, its, sftp.UseConcurrentWrites(true), sftp.UseConcurrentReads(true))
			if err != nil {
				t.Fatal(err)
			}
			f, err := client.Create("file")
			if err != nil {
				t.Fatal(err)
			}
			if n, err := f.ReadFromWithConcurrency(bytes.NewReader(data), 16); err != nil || n != int64(len(data)) {
				t.Fatalf("wrote %d bytes: %v", n, err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if f, err = client.Open("file"); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if _, err := f.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Fatalf("read %d bytes: %v", got.Len(), err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			_ = client.Close()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if want := hex.EncodeToString(sum[:]); !slices.Equal(gate.sums, []string{want, want}) {
				t.Errorf("the digests are %q, want %s twice; %q", gate.sums, want, gate.lines)
			}
		})
	}
}
