package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/proxy"
)

// Codes of the messages that open a connection, and their bounds in bytes (PostgreSQL: MAX_STARTUP_PACKET_LENGTH).
const (
	codeProtocol3  = 3 << 16
	codeCancel     = cancelRequestCode
	codeSSL        = 80877103
	codeGSS        = 80877104
	maxStartup     = 10_000
	maxPassword    = 64 << 10
	tlsRecordStart = 0x16 // first byte of a TLS handshake record: "direct" TLS
)

// startup is how a connection began.
type startup struct {
	parameters map[string]string
	cancel     []byte // a CancelRequest's process id and key
}

// receiveStartup reads up to the StartupMessage, with TLS as the client asks for it. Nothing is read beyond it.
func receiveStartup(ctx context.Context, conn *proxy.Conn) (startup, error) {
	for {
		code, body, err := readStartupPacket(ctx, conn)
		if err != nil {
			return startup{}, err
		}
		switch {
		case code == codeSSL:
			err = answerSSL(ctx, conn)
		case code == codeGSS:
			err = answer(conn, 'N')
		case code == codeCancel:
			return startup{cancel: body}, nil
		case code>>16 == 3:
			return readParameters(conn, int(code&0xffff), body)
		default:
			err = &codedError{code: codeFeatureNotSupported, sentence: fmt.Sprintf(
				"unsupported frontend protocol %d.%d: this gateway supports 3.0", code>>16, code&0xffff)}
		}
		if err != nil {
			return startup{}, err
		}
	}
}

func readStartupPacket(ctx context.Context, conn *proxy.Conn) (code uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(conn, head[:1]); err != nil {
		return 0, nil, fmt.Errorf("read startup packet: %w", err)
	}
	if head[0] == tlsRecordStart && conn.TLSAvailable() {
		if err := conn.StartTLS(ctx, head[:1]); err != nil {
			return 0, nil, err
		}
		return readStartupPacket(ctx, conn)
	}
	if _, err := io.ReadFull(conn, head[1:]); err != nil {
		return 0, nil, fmt.Errorf("read startup packet: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size < 8 || size > maxStartup {
		return 0, nil, protocolViolation("invalid length of startup packet; is this a PostgreSQL client?")
	}
	body = make([]byte, size-8)
	if _, err := io.ReadFull(conn, body); err != nil {
		return 0, nil, fmt.Errorf("read startup packet: %w", err)
	}
	return binary.BigEndian.Uint32(head[4:]), body, nil
}

// answerSSL starts TLS when the client has asked for it and it can be had. What the client sent too early would be
// read as part of the TLS handshake, and fail it.
func answerSSL(ctx context.Context, conn *proxy.Conn) error {
	if !conn.TLSAvailable() {
		return answer(conn, 'N')
	}
	if err := answer(conn, 'S'); err != nil {
		return err
	}
	return conn.StartTLS(ctx, nil)
}

func answer(conn *proxy.Conn, b byte) error {
	if _, err := conn.Write([]byte{b}); err != nil {
		return fmt.Errorf("answer startup packet: %w", err)
	}
	return nil
}

// readParameters reads a StartupMessage's parameters. A newer minor version or unknown protocol options are
// negotiated down to 3.0 without any.
func readParameters(conn *proxy.Conn, minor int, body []byte) (startup, error) {
	f := fields{b: body}
	parameters := make(map[string]string)
	var options []string
	for {
		key := string(f.text())
		if key == "" {
			break
		}
		value := string(f.text())
		if strings.HasPrefix(key, "_pq_.") {
			options = append(options, key)
			continue
		}
		parameters[key] = value
	}
	if !f.complete() {
		return startup{}, protocolViolation("malformed startup packet: its last byte must be a terminator")
	}
	if parameters["user"] == "" {
		return startup{}, &codedError{code: codeInvalidAuthorization, sentence: "no user name in the startup packet"}
	}
	if wantsReplication(parameters["replication"]) {
		return startup{}, &codedError{code: codeFeatureNotSupported,
			sentence: "replication connections do not go through Sallyport: what they carry cannot be recorded as statements"}
	}
	delete(parameters, "replication")
	if minor > 0 || len(options) > 0 {
		if err := negotiateVersion(conn, options); err != nil {
			return startup{}, err
		}
	}
	return startup{parameters: parameters}, nil
}

func wantsReplication(value string) bool {
	switch strings.ToLower(value) {
	case "", "false", "off", "no", "0", "f", "n":
		return false
	}
	return true
}

// negotiateVersion sends NegotiateProtocolVersion: 3.0, and the options that are not known.
func negotiateVersion(conn *proxy.Conn, options []string) error {
	body := binary.BigEndian.AppendUint32(nil, codeProtocol3)
	body = binary.BigEndian.AppendUint32(body, uint32(len(options)))
	for _, o := range options {
		body = append(append(body, o...), 0)
	}
	if _, err := conn.Write(appendMessage(nil, 'v', body)); err != nil {
		return fmt.Errorf("negotiate protocol version: %w", err)
	}
	return nil
}

// askToken asks for the access token as a cleartext password.
func askToken(conn *proxy.Conn) (string, error) {
	if !conn.SecretsAllowed() {
		return "", &codedError{code: codeInvalidAuthorization,
			sentence: "access tokens are taken over TLS only: connect with sslmode=require"}
	}
	cleartext := appendMessage(nil, 'R', []byte{0, 0, 0, 3})
	if _, err := conn.Write(cleartext); err != nil {
		return "", fmt.Errorf("ask for the token: %w", err)
	}
	var head [headerSize]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	kind, size, _ := header(head[:])
	if kind != msgPassword || size < headerSize || size > maxPassword {
		return "", protocolViolation("expected a password message")
	}
	body := make([]byte, size-headerSize)
	if _, err := io.ReadFull(conn, body); err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	f := fields{b: body}
	token := string(f.text())
	if !f.complete() {
		return "", protocolViolation("malformed password message")
	}
	return token, nil
}
