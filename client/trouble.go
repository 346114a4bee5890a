package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Trouble is a connection that failed. Sentence may be shown to the person as it is and says how to go on.
type Trouble struct {
	Sentence string
	Err      error
}

func (t *Trouble) Error() string { return t.Sentence }

// Unwrap gives the cause.
func (t *Trouble) Unwrap() error { return t.Err }

// explainDial puts into words why no connection to the gateway at address came about.
func explainDial(err error, address string) *Trouble {
	var dns *net.DNSError
	sentence := fmt.Sprintf("the connection to the gateway at %s failed: %v", address, err)
	refusal := remoteAlert(err)
	_, impostor := errors.AsType[*unproven](err)
	switch {
	case refusal != nil:
		sentence = refusedCertificate(address, refusal)
	case impostor:
		sentence = fmt.Sprintf("what answers at %s could not prove to be a gateway of your server, so nothing was sent "+
			"(%v); if its authority was renewed, sign in again: sally login", address, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		sentence = fmt.Sprintf("nothing listens at %s: the gateway is down or a firewall refuses; try: sally doctor", address)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		sentence = fmt.Sprintf("the gateway at %s did not answer in time; try: sally doctor", address)
	case errors.As(err, &dns):
		sentence = fmt.Sprintf("the gateway's name in %s cannot be resolved: %s", address, dns.Err)
	}
	return &Trouble{Sentence: sentence, Err: err}
}

// explainBreak puts into words why an open connection to a gateway broke.
func explainBreak(err error, resource string, gateway net.Addr) *Trouble {
	sentence := fmt.Sprintf("the connection to the gateway at %s broke: %v", gateway, err)
	if refusal := remoteAlert(err); refusal != nil {
		sentence = refusedCertificate(gateway.String(), refusal)
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		sentence = fmt.Sprintf("the gateway at %s ended the connection to %s without a word: it is going down, or knows no "+
			"such resource; try: sally ls", gateway, resource)
	}
	return &Trouble{Sentence: sentence, Err: err}
}

func refusedCertificate(address string, refusal error) string {
	return fmt.Sprintf("the gateway at %s refused you (%v); your certificate may have ended or been withdrawn; "+
		"sign in again: sally login", address, refusal)
}

// remoteAlert gives the alert with which the other side ended TLS, or nil. crypto/tls has no exported type for it and
// marks it by the operation's name.
func remoteAlert(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return op.Err
	}
	return nil
}
