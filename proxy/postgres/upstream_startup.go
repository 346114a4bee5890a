package postgres

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

const (
	maxLoginMessage    = 64 << 10 // bytes of one message before the store has let us in
	maxStartupMessage  = 1 << 20  // bytes of one message between login and ReadyForQuery, notices mostly
	maxStartupBytes    = 4 << 20  // bytes of the whole handshake
	startupReadBuffer  = 4 << 10  // bytes; a usual answer to a login is under 1 KiB
	maxBackendKeyBytes = 256
)

// startupMessage encodes the StartupMessage, protocol 3.0.
func startupMessage(store access.Resource, secret creds.Secret, startup map[string]string) ([]byte, error) {
	parameters := make(map[string]string, len(startup)+2)
	for name, value := range startup {
		if name != "" && !strings.HasPrefix(name, "_pq_.") {
			parameters[name] = value
		}
	}
	parameters["user"] = secret.Username
	if parameters["database"] == "" {
		parameters["database"] = store.Database
	}
	if parameters["database"] == "" {
		delete(parameters, "database") // the store then opens the one named like the user
	}
	if secret.Username == "" {
		return nil, &codedError{
			code: codeInvalidAuthorization, sentence: "the credential names no user", err: errors.New("empty user name"),
		}
	}
	for name, value := range parameters {
		if strings.IndexByte(name, 0) >= 0 || strings.IndexByte(value, 0) >= 0 {
			return nil, &codedError{
				code: codeProtocolViolation, sentence: "a startup parameter holds a zero byte",
				err: errors.New("zero byte in a startup parameter"),
			}
		}
	}
	message := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber, Parameters: parameters}
	encoded, err := message.Encode(nil)
	if err != nil {
		return nil, fmt.Errorf("encode startup message: %w", err)
	}
	return encoded, nil
}

// handshake is the login at the store, from the StartupMessage to the first ReadyForQuery.
type handshake struct {
	r       *bufio.Reader
	w       io.Writer
	secret  creds.Secret
	cache   *scramCache
	binding channelBinding
	private bool // nobody but the store can read what is sent: TLS, loopback or a Unix socket

	answered bool // a password, or a proof of it, was sent
	scram    *scramClient
	loggedIn bool // AuthenticationOk was seen
	body     []byte
	total    int
	got      storeConn
}

func newHandshake(conn net.Conn, secret creds.Secret, cache *scramCache) *handshake {
	h := &handshake{
		r: bufio.NewReaderSize(conn, startupReadBuffer), w: conn, secret: secret, cache: cache, private: isLocal(conn),
	}
	if secured, ok := conn.(*tls.Conn); ok {
		h.private = true
		h.binding.tls = true
		h.binding.data = serverEndPoint(secured.ConnectionState().PeerCertificates[0])
	}
	return h
}

func isLocal(conn net.Conn) bool {
	switch addr := conn.RemoteAddr().(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	}
	return false
}

// run sends the startup message and answers the store until it is ready for queries.
func (h *handshake) run(startup []byte) error {
	if _, err := h.w.Write(startup); err != nil {
		return lost(err)
	}
	for {
		kind, err := h.next()
		if err != nil {
			return err
		}
		ready, err := h.take(kind)
		if ready || err != nil {
			return err
		}
	}
}

// established is the result of a run that succeeded.
func (h *handshake) established(conn net.Conn) *storeConn {
	c := h.got
	c.conn = conn
	if n := h.r.Buffered(); n > 0 {
		rest, _ := h.r.Peek(n) // cannot fail: n bytes are there
		c.buffered = append([]byte(nil), rest...)
	}
	return &c
}

// take handles the message that next has read, and says whether it was ReadyForQuery.
func (h *handshake) take(kind byte) (ready bool, err error) {
	switch kind {
	case 'R':
		if h.loggedIn {
			return false, violation("authentication request after the login")
		}
		return false, h.authenticate(h.body)
	case 'E':
		return false, newServerError(h.body)
	case 'N':
		h.got.notices = append(h.got.notices, rawMessage('N', h.body))
		return false, nil
	case 'v': // NegotiateProtocolVersion: the store knows 3.0, and no option was asked for
		return false, nil
	}
	if !h.loggedIn {
		return false, violation("message %q before the login", kind)
	}
	switch kind {
	case 'S':
		var status pgproto3.ParameterStatus
		if err := status.Decode(h.body); err != nil {
			return false, violation("ParameterStatus: %w", err)
		}
		h.got.parameters = append(h.got.parameters, parameter{name: status.Name, value: status.Value})
	case 'K':
		if len(h.body) < 8 || len(h.body) > 4+maxBackendKeyBytes {
			return false, violation("BackendKeyData of %d bytes", len(h.body))
		}
		h.got.pid = binary.BigEndian.Uint32(h.body)
		h.got.secretKey = append([]byte(nil), h.body[4:]...)
	case 'Z':
		if len(h.body) != 1 {
			return false, violation("ReadyForQuery of %d bytes", len(h.body))
		}
		h.got.txStatus = h.body[0]
		return true, nil
	default:
		return false, violation("message %q during startup", kind)
	}
	return false, nil
}

// next reads one message into h.body, where it stays until the next call.
func (h *handshake) next() (kind byte, err error) {
	var header [5]byte
	if _, err := io.ReadFull(h.r, header[:]); err != nil {
		return 0, lost(err)
	}
	limit := uint32(maxLoginMessage)
	if h.loggedIn {
		limit = maxStartupMessage
	}
	length := binary.BigEndian.Uint32(header[1:])
	h.total += 5
	if length < 4 || length-4 > limit || int(length)+h.total > maxStartupBytes {
		return 0, violation("message %q of %d bytes", header[0], length)
	}
	h.total += int(length) - 4
	if need := int(length) - 4; cap(h.body) < need {
		h.body = make([]byte, need)
	}
	h.body = h.body[:length-4]
	if _, err := io.ReadFull(h.r, h.body); err != nil {
		return 0, lost(err)
	}
	return header[0], nil
}

// rawMessage is the whole message of that kind and body, in memory of its own.
func rawMessage(kind byte, body []byte) []byte {
	raw := make([]byte, 0, 5+len(body))
	raw = append(raw, kind)
	raw = binary.BigEndian.AppendUint32(raw, uint32(4+len(body)))
	return append(raw, body...)
}

func lost(err error) error {
	return &codedError{
		code: codeConnectionFailure, sentence: "the store closed the connection during the login", err: err,
	}
}

func violation(format string, args ...any) error {
	return &codedError{
		code: codeProtocolViolation, sentence: "the store does not speak PostgreSQL's protocol as it should",
		err: fmt.Errorf(format, args...),
	}
}
