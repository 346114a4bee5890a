package mysql

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"unicode/utf8"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// Error numbers that Sallyport itself sends (MySQL 8.0 Error Message Reference; up to 1999 MariaDB has the same).
const (
	numberTooManyConnections = 1040 // ER_CON_COUNT_ERROR
	numberBadHandshake       = 1043 // ER_HANDSHAKE_ERROR
	numberNoAccess           = 1044 // ER_DBACCESS_DENIED_ERROR
	numberAccessDenied       = 1045 // ER_ACCESS_DENIED_ERROR
	numberUnknownCommand     = 1047 // ER_UNKNOWN_COM_ERROR
	numberUnknownDatabase    = 1049 // ER_BAD_DB_ERROR
	numberShutdown           = 1053 // ER_SERVER_SHUTDOWN
	numberUnknownThread      = 1094 // ER_NO_SUCH_THREAD
	numberUnknown            = 1105 // ER_UNKNOWN_ERROR
	numberHostBlocked        = 1129 // ER_HOST_IS_BLOCKED
	numberHostNotAllowed     = 1130 // ER_HOST_NOT_PRIVILEGED
	numberStatementDenied    = 1142 // ER_TABLEACCESS_DENIED_ERROR
	numberPacketTooLarge     = 1153 // ER_NET_PACKET_TOO_LARGE
	numberOutOfOrder         = 1156 // ER_NET_PACKETS_OUT_OF_ORDER
	numberNetworkRead        = 1158 // ER_NET_READ_ERROR
	numberReadTimeout        = 1159 // ER_NET_READ_INTERRUPTED
	numberNotSupported       = 1235 // ER_NOT_SUPPORTED_YET
	numberOldClient          = 1251 // ER_NOT_SUPPORTED_AUTH_MODE
	numberUnreachable        = 1429 // ER_CONNECT_TO_FOREIGN_DATA_SOURCE
	numberOutOfMemory        = 1041 // ER_OUT_OF_RESOURCES
	numberNotRecorded        = 1598 // ER_BINLOG_LOGGING_IMPOSSIBLE
	numberNeedsTLS           = 3159 // ER_SECURE_TRANSPORT_REQUIRED
	numberNoSuchUser         = 1698 // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
	numberPasswordExpired    = 1820 // ER_MUST_CHANGE_PASSWORD
	numberPasswordOver       = 1862 // ER_MUST_CHANGE_PASSWORD_LOGIN
	numberLockedOut          = 3118 // ER_ACCOUNT_HAS_BEEN_LOCKED
	numberLockedOutMariaDB   = 4151 // ER_ACCOUNT_HAS_BEEN_LOCKED
)

// generalState is the SQLSTATE of errors that have none of their own.
const generalState = "HY000"

// states are the SQLSTATEs that go with numbers.
var states = map[uint16]string{
	numberTooManyConnections: "08004", numberBadHandshake: "08S01", numberNoAccess: "42000", numberAccessDenied: "28000",
	numberUnknownCommand: "08S01", numberUnknownDatabase: "42000", numberShutdown: "08S01", numberStatementDenied: "42000",
	numberPacketTooLarge: "08S01", numberOutOfOrder: "08S01", numberNetworkRead: "08S01", numberReadTimeout: "08S01",
	numberNotSupported: "42000", numberOldClient: "08004",
}

// codedError is an error with the number and the sentence that the client shall read. It unwraps to a *proxy.Refusal, so
// proxy.Explain gives the sentence.
type codedError struct {
	number   uint16
	sentence string
	err      error // for the log; may be nil
}

func (e *codedError) Error() string {
	if e.err == nil {
		return e.sentence
	}
	return fmt.Sprintf("%s: %v", e.sentence, e.err)
}

// Unwrap gives the cause, inside what proxy.Explain understands.
func (e *codedError) Unwrap() error { return &proxy.Refusal{Sentence: e.sentence, Err: e.err} }

// malformed is a packet that no client or store sends.
func malformed(format string, a ...any) error {
	return &codedError{number: numberBadHandshake, sentence: "a packet of the handshake cannot be understood", err: fmt.Errorf(format, a...)}
}

// serverError is an ERR packet of the store's.
type serverError struct {
	number  uint16
	state   string // empty before capabilities are agreed
	message string
}

// newServerError reads an ERR packet's payload. It tells by itself whether there is an SQLSTATE: in a greeting's place there is
// none.
func newServerError(payload []byte) error {
	f := fields{b: payload}
	f.uint8()
	e := &serverError{number: f.uint16()}
	if len(f.b) >= 6 && f.b[0] == '#' {
		e.state = string(f.bytes(6)[1:])
	}
	if f.bad {
		return malformed("an ERR packet of %d bytes", len(payload))
	}
	e.message = string(f.b)
	return e
}

func (e *serverError) Error() string {
	return fmt.Sprintf("store answered %d (%s): %s", e.number, e.state, e.message)
}

// Is makes a refused credential known to the session, which then fetches a fresh one.
func (e *serverError) Is(target error) bool {
	if target != proxy.ErrCredentialRefused {
		return false
	}
	switch e.number {
	case numberAccessDenied, numberNoSuchUser, numberPasswordExpired, numberPasswordOver, numberLockedOut, numberLockedOutMariaDB:
		return true
	}
	return false
}

// away says in words why the store turned Sallyport away before it looked at the login; empty when it did not. Its own
// words, which name Sallyport's address, are for the log.
func (e *serverError) away() string {
	switch e.number {
	case numberTooManyConnections:
		return "the store has too many connections; try again in a moment"
	case numberHostBlocked:
		return "the store has blocked the gateway's address after broken handshakes; its admin has to run FLUSH HOSTS"
	case numberHostNotAllowed:
		return "the store takes no connections from the gateway's address; its admin has to allow them"
	}
	return ""
}

// errorPacket is an ERR packet with proxy.Explain's words, or the store's own where it refused what the client itself asked
// for. Before a client's capabilities are known it has no SQLSTATE.
func errorPacket(sequence byte, err error, capabilities capability) []byte {
	number, state, message := errorNumber(err), "", proxy.Explain(err)
	var said *serverError
	if errors.As(err, &said) && !errors.Is(err, proxy.ErrCredentialRefused) && said.away() == "" {
		number, state, message = said.number, said.state, said.message
	}
	if state == "" {
		state = sqlState(number)
	}
	payload := binary.LittleEndian.AppendUint16([]byte{packetError}, number)
	if capabilities.has(capProtocol41) {
		payload = append(append(payload, '#'), state...)
	}
	return appendPacket(nil, sequence, append(payload, bounded(message)...))
}

// maxErrorText is how much of a message clients keep (MYSQL_ERRMSG_SIZE), in bytes.
const maxErrorText = 511

func bounded(message string) string {
	if len(message) <= maxErrorText {
		return message
	}
	end := maxErrorText
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end]
}

func sqlState(number uint16) string {
	if state, ok := states[number]; ok {
		return state
	}
	return generalState
}

// errorNumber is the number that tells a client of err: the nearest that MySQL would use itself, so that drivers draw the
// same conclusions.
func errorNumber(err error) uint16 {
	var (
		coded       *codedError
		denial      *access.Denial
		ended       *proxy.Ended
		credential  *creds.Unavailable
		unreachable *proxy.StoreUnreachable
		refusal     *proxy.Refusal
		network     net.Error
	)
	var said *serverError
	if errors.As(err, &said) && said.number == numberTooManyConnections {
		return numberTooManyConnections // by which pools know to wait
	}
	switch {
	case errors.As(err, &denial):
		return denialNumber(denial.Cause)
	case errors.As(err, &ended):
		return numberShutdown
	case errors.As(err, &credential):
		return numberUnreachable
	case errors.Is(err, audit.ErrUnavailable):
		return numberNotRecorded
	case errors.As(err, &coded):
		return coded.number
	case errors.Is(err, proxy.ErrCredentialRefused):
		return numberAccessDenied
	case errors.Is(err, proxy.ErrMessageTooLarge):
		return numberPacketTooLarge
	case errors.Is(err, proxy.ErrBusy):
		return numberOutOfMemory
	case errors.As(err, &unreachable):
		return numberUnreachable
	case errors.As(err, &refusal):
		return numberNotSupported
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network):
		return numberReadTimeout
	case errors.Is(err, context.Canceled):
		return numberShutdown
	}
	return numberUnknown
}

func denialNumber(cause access.Cause) uint16 {
	switch cause {
	case access.RateLimited:
		return numberTooManyConnections
	case access.UnknownResource:
		return numberUnknownDatabase
	case access.NoAccess, access.ForbiddenBy, access.OutOfScope, access.NeedsRequest, access.NeedsMFA, access.WrongTime, access.WrongPlace:
		return numberNoAccess
	case access.PolicyStale, access.Unreachable:
		return numberUnreachable
	case access.StatementDenied:
		return numberStatementDenied
	case access.BadCredentials, access.Suspended, access.Expired, access.NoAccount:
		return numberAccessDenied
	}
	return numberAccessDenied
}
