package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// SQLSTATE codes (PostgreSQL, appendix A) that Sallyport itself sends.
const (
	codeUnableToConnect       = "08001"
	codeConnectionFailure     = "08006"
	codeProtocolViolation     = "08P01"
	codeFeatureNotSupported   = "0A000"
	codeInvalidAuthorization  = "28000"
	codeInvalidPassword       = "28P01"
	codeInvalidCatalogName    = "3D000"
	codeInsufficientPrivilege = "42501"
	codeOutOfMemory           = "53200"
	codeTooManyConnections    = "53300"
	codeProgramLimitExceeded  = "54000"
	codeAdminShutdown         = "57P01"
	codeCannotConnectNow      = "57P03"
	codeIOError               = "58030"
	codeInternalError         = "XX000"
)

// codedError is an error with the SQLSTATE and the sentence that the client shall read. It unwraps to a
// *proxy.Refusal, so proxy.Explain gives the sentence.
type codedError struct {
	code     string
	sentence string
	err      error // for the log
}

func (e *codedError) Error() string { return fmt.Sprintf("%s: %v", e.sentence, e.err) }

// Unwrap gives the cause, inside what proxy.Explain understands.
func (e *codedError) Unwrap() error { return &proxy.Refusal{Sentence: e.sentence, Err: e.err} }

// serverError is an ErrorResponse of the store. With SQLSTATE 28P01 or 28000 it also is proxy.ErrCredentialRefused.
type serverError struct {
	Severity, Code, Message, Detail, Hint string

	raw []byte // the whole message as the store sent it, type and length included
}

// newServerError decodes an ErrorResponse without its header. A malformed one is a protocol violation.
func newServerError(body []byte) error {
	var response pgproto3.ErrorResponse
	if err := response.Decode(body); err != nil {
		return violation("ErrorResponse: %w", err)
	}
	severity := response.SeverityUnlocalized
	if severity == "" {
		severity = response.Severity
	}
	return &serverError{
		Severity: severity, Code: response.Code, Message: response.Message, Detail: response.Detail, Hint: response.Hint,
		raw: rawMessage('E', body),
	}
}

func (e *serverError) Error() string {
	return fmt.Sprintf("store answered %s: %s (SQLSTATE %s)", e.Severity, e.Message, e.Code)
}

// Is makes a refused credential known to the session, which then fetches a fresh one.
func (e *serverError) Is(target error) bool {
	return target == proxy.ErrCredentialRefused && (e.Code == codeInvalidPassword || e.Code == codeInvalidAuthorization)
}

// appendError appends an ErrorResponse. A zero byte, which would end a field early, ends the field's text.
func appendError(b []byte, severity, code, message string) []byte {
	start := len(b)
	b = append(b, 'E', 0, 0, 0, 0)
	b = appendField(b, 'S', severity)
	b = appendField(b, 'V', severity)
	b = appendField(b, 'C', code)
	b = appendField(b, 'M', message)
	b = append(b, 0)
	binary.BigEndian.PutUint32(b[start+1:], uint32(len(b)-start-1))
	return b
}

func appendField(b []byte, kind byte, value string) []byte {
	b = append(b, kind)
	for i := range len(value) {
		if value[i] == 0 {
			break
		}
		b = append(b, value[i])
	}
	return append(b, 0)
}

// sqlState is the SQLSTATE that tells a client of err: the store's own where it spoke, else the nearest that
// PostgreSQL would use itself, so that drivers draw the same conclusions.
func sqlState(err error) string {
	var (
		server      *serverError
		coded       *codedError
		denial      *access.Denial
		ended       *proxy.Ended
		credential  *creds.Unavailable
		unreachable *proxy.StoreUnreachable
		network     net.Error
	)
	switch {
	case errors.As(err, &denial):
		return denialState(denial.Cause)
	case errors.As(err, &ended):
		return codeAdminShutdown
	case errors.As(err, &credential):
		return codeCannotConnectNow
	case errors.Is(err, audit.ErrUnavailable):
		return codeIOError
	case errors.As(err, &server) && len(server.Code) == 5:
		return server.Code
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, proxy.ErrCredentialRefused):
		return codeInvalidPassword
	case errors.Is(err, proxy.ErrMessageTooLarge):
		return codeProgramLimitExceeded
	case errors.Is(err, proxy.ErrBusy):
		return codeOutOfMemory
	case errors.As(err, &unreachable):
		return codeUnableToConnect
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network):
		return codeConnectionFailure
	case errors.Is(err, context.Canceled):
		return codeAdminShutdown
	}
	return codeInternalError
}

func denialState(cause access.Cause) string {
	switch cause {
	case access.BadCredentials:
		return codeInvalidPassword
	case access.Suspended, access.Expired, access.NoAccount: // a role that may not log in, to PostgreSQL
		return codeInvalidAuthorization
	case access.RateLimited:
		return codeTooManyConnections
	case access.UnknownResource:
		return codeInvalidCatalogName
	case access.NoAccess, access.StatementDenied, access.ForbiddenBy, access.OutOfScope:
		return codeInsufficientPrivilege
	}
	return codeInvalidAuthorization
}
