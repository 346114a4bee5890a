package ssh

import (
	"errors"
	"io"
	"net"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// How a session ends that the gateway ended: as a command that fails where it may not be, and else as ssh ends when a connection fails, by
// which programs that run ssh know that the server could not be reached, or was lost.
const (
	exitDenied  = 1
	exitTrouble = 255
)

// offence is why a connection was ended whose client has not kept to SSH, such as by a request that no packet holds; nil: the client has
// left, or was cut off.
func offence(err error) error {
	var network net.Error
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) ||
		strings.HasPrefix(err.Error(), "ssh: disconnect,") { // whose type x/crypto keeps to itself
		return nil
	}
	return &proxy.Refusal{Sentence: "the client has sent what SSH does not allow, or more than a packet holds", Err: err}
}

// sentence is what a person reads of err at their terminal, which may be in raw mode. It may hold names that others have chosen, and
// nothing of these moves the cursor.
func sentence(err error) string { return "sallyport: " + plain(proxy.Explain(err)) + "\r\n" }

// plain is the text in one line, with spaces in the place of what a terminal shows as anything but itself.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
}

// exitOf is the exit status with which a session ends because of err. A command that is too long is so at each try.
func exitOf(err error) uint32 {
	var denial *access.Denial
	if errors.As(err, &denial) || errors.Is(err, proxy.ErrMessageTooLarge) {
		return exitDenied
	}
	return exitTrouble
}

// reasonOf is why a channel is not opened because of err.
func reasonOf(err error) ssh.RejectionReason {
	var denial *access.Denial
	var refusal *proxy.Refusal
	if errors.As(err, &denial) || errors.As(err, &refusal) {
		return ssh.Prohibited
	}
	return ssh.ConnectionFailed
}

// reject tells a client why its channel is not opened.
func reject(n ssh.NewChannel, err error) {
	_ = n.Reject(reasonOf(err), strings.TrimSpace(sentence(err)))
}

// pass rejects a channel with the other side's own reason.
func pass(n ssh.NewChannel, err error) {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		_ = n.Reject(refused.Reason, refused.Message)
		return
	}
	reject(n, &proxy.Refusal{Sentence: "the connection to the other side has ended", Err: err})
}
