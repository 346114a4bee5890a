package redis

import (
	"errors"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// codedError is a refusal of the handshake with the code that clients of Redis know it by.
type codedError struct {
	code, sentence string
	err            error // for the log; may be nil
}

func (e *codedError) Error() string {
	if e.err == nil {
		return e.sentence
	}
	return e.sentence + ": " + e.err.Error()
}

// Unwrap makes it a *proxy.Refusal, and gives its cause.
func (e *codedError) Unwrap() error { return &proxy.Refusal{Sentence: e.sentence, Err: e.err} }

// errorReply is err as an error reply, in proxy.Explain's words.
func errorReply(err error) []byte {
	sentence := strings.NewReplacer("\r", " ", "\n", " ").Replace(proxy.Explain(err))
	return []byte("-" + errorCode(err) + " " + sentence + "\r\n")
}

// errorCode is the word before an error's text, by which clients tell what to do: with WRONGPASS and NOPERM most do not
// try again by themselves.
func errorCode(err error) string {
	var coded *codedError
	var denial *access.Denial
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &denial) && denial.Cause == access.BadCredentials:
		return "WRONGPASS"
	case errors.As(err, &denial) && denial.Cause != access.RateLimited:
		return "NOPERM"
	}
	return "ERR"
}
