package postgres

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/proxy"
)

// protocolViolation refuses what a client sent.
func protocolViolation(format string, args ...any) error {
	return &codedError{code: codeProtocolViolation, sentence: fmt.Sprintf(format, args...), err: errMalformed}
}

var errMalformed = errors.New("client broke the protocol")

// fatal is the ErrorResponse that ends a session because of err: the store's own words where it has spoken, else ours.
func fatal(err error) []byte {
	var said *serverError
	if errors.As(err, &said) && !errors.Is(err, proxy.ErrCredentialRefused) {
		return said.raw
	}
	return appendError(nil, "FATAL", sqlState(err), proxy.Explain(err))
}
