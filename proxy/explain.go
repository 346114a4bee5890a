package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
)

// Ended is the cause with which a live session is cancelled: it was killed, or the gateway stops.
type Ended struct {
	Sentence string // for the person
	Shutdown bool   // the gateway stops; the client may connect again elsewhere
}

func (e *Ended) Error() string { return "session ended: " + e.Sentence }

// StoreUnreachable says that the store could not be reached or did not finish its handshake.
type StoreUnreachable struct {
	Resource string
	Err      error
}

func (e *StoreUnreachable) Error() string {
	return fmt.Sprintf("connect to %s: %v", e.Resource, e.Err)
}

// Unwrap gives the cause.
func (e *StoreUnreachable) Unwrap() error { return e.Err }

// Refusal is an error of a protocol whose sentence may be shown to the person as it is.
type Refusal struct {
	Sentence string
	Err      error // for the log; may be nil
}

func (e *Refusal) Error() string {
	if e.Err == nil {
		return e.Sentence
	}
	return fmt.Sprintf("%s: %v", e.Sentence, e.Err)
}

// Unwrap gives the cause.
func (e *Refusal) Unwrap() error { return e.Err }

// Explain gives the sentence that a person may read about err: what is wrong and what to do. Internal texts,
// addresses and values never appear in it.
func Explain(err error) string {
	var (
		denial      *access.Denial
		credential  *creds.Unavailable
		ended       *Ended
		unreachable *StoreUnreachable
		refusal     *Refusal
		timeout     net.Error
	)
	switch {
	case errors.As(err, &denial):
		return denial.Sentence
	case errors.As(err, &ended):
		return ended.Sentence
	case errors.As(err, &credential):
		return credential.Sentence
	case errors.As(err, &refusal):
		return refusal.Sentence
	case errors.Is(err, audit.ErrUnavailable):
		return "the audit log cannot be written, so nothing may run; try again, and tell an operator of Sallyport if it lasts"
	case errors.Is(err, ErrCredentialRefused):
		return "the server refused the credential that Sallyport holds for it; an admin has to correct or rotate it"
	case errors.Is(err, ErrMessageTooLarge):
		return "the statement is larger than this gateway records; send it in parts, or ask an operator to raise limits.statement_bytes"
	case errors.Is(err, ErrBusy):
		return "the gateway's memory for large statements is in use; try again in a moment"
	case errors.As(err, &unreachable):
		return fmt.Sprintf("%s cannot be reached from the gateway; try again, and tell its owners if it lasts", unreachable.Resource)
	case errors.Is(err, context.Canceled): // nobody is left to read it, but the record tells it
		return "the connection ended before this was done"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the connection took too long; try again"
	}
	return "internal error of the gateway; tell an operator of Sallyport the time and the resource"
}
