package files

import (
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// socketVariable names the socket to which the test's own program connects its standard streams, when a stock client starts it in place
// of ssh.
const socketVariable = "SALLYPORT_FILES_SOCKET"

func TestMain(m *testing.M) {
	if path := os.Getenv(socketVariable); path != "" {
		os.Exit(connect(path))
	}
	goleak.VerifyTestMain(m)
}

func connect(path string) (status int) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return 254
	}
	_, _ = io.WriteString(conn, os.Args[len(os.Args)-1]+"\n") // the command, where there is one
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}
