package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// forward serves a channel by which the client wants to be connected from the server's side: local and dynamic forwarding, ProxyJump.
// Any other kind of channel is refused, on the record.
func (r *relay) forward(ctx context.Context, n ssh.NewChannel) {
	to, err := targetOf(n)
	if err != nil {
		sentence := "this gateway does not serve channels of this kind"
		if to != "" {
			sentence = "this is no place to forward to: name a host and a port, or a socket by its whole path"
		}
		r.noteRefusal(ctx, requestChannel, cmp.Or(to, n.ChannelType()), sentence)
		r.turnAway(n, &proxy.Refusal{Sentence: sentence, Err: err})
		return
	}
	r.awaitAnswers()
	statement := &proxy.Statement{Command: access.ClassForward, Class: access.ClassForward, Text: []byte(to), Tables: []string{to}, Understood: true}
	reviews := r.gate.Reviews()
	if op := r.wanted(ctx, n, statement); op != nil {
		r.join(op, r.standing(ctx, statement, reviews), n, r.store, r.hold)
	}
}

// classOther is audit.Event's class of what is not known.
const classOther = "other"

// targetOf is where a channel of the client's is to be connected to.
func targetOf(n ssh.NewChannel) (string, error) {
	switch n.ChannelType() {
	case channelDirectTCP:
		var to tcpChannel
		if err := read(n.ExtraData(), &to); err != nil {
			return "", err
		}
		return place(to.Host, to.Port), errors.Join(checkAddress(to.Host), checkPort(to.Host, to.Port))
	case channelDirectLocal:
		var to localChannel
		if err := read(n.ExtraData(), &to); err != nil {
			return "", err
		}
		return to.Path, checkSocket(to.Path)
	}
	return "", fmt.Errorf("channel %q", n.ChannelType())
}

func checkAddress(name string) error {
	if name == "" || len(name) > maxAddress {
		return fmt.Errorf("an address of %d bytes", len(name))
	}
	return nil
}

// checkPort refuses what a server may take for another place than the one that rules are asked about: what C reads no further of, and
// numbers of which it may keep 16 bits.
func checkPort(host string, port uint32) error {
	if port > math.MaxUint16 || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("no host and port: %q, %d", host, port)
	}
	return nil
}

// checkSocket takes whole paths alone: of others the server knows where they begin, and behind a link, where ".." leads.
func checkSocket(path string) error {
	if err := checkAddress(path); err != nil {
		return err
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "\x00") || slices.Contains(strings.Split(path, "/"), "..") {
		return fmt.Errorf("no whole path: %q", path)
	}
	return nil
}

// join opens the same channel at the other side, passes what both send until both have ended or the statement may not go on, and ends op. hold
// is called before the one who asked is answered.
func (r *relay) join(op *proxy.Op, going *standing, n ssh.NewChannel, other ssh.Conn, hold func() error) {
	there, thereRequests, err := other.OpenChannel(n.ChannelType(), n.ExtraData())
	if err != nil {
		r.end(op, notOpened(err))
		pass(n, err)
		return
	}
	var here ssh.Channel
	var hereRequests <-chan *ssh.Request
	if err = hold(); err == nil {
		here, hereRequests, err = n.Accept()
	}
	if err != nil {
		_ = there.Close()
		ssh.DiscardRequests(thereRequests)
		r.end(op, failed(errGone))
		return
	}
	going.watched(func() { closeBoth(here, there) })
	sent, received := splice(here, hereRequests, there, thereRequests, going.still)
	going.unwatched()
	result := &proxy.Result{BytesIn: sent, BytesOut: received}
	if err := going.over(); err != nil {
		result.ErrorMessage = proxy.Explain(err)
		if !isCut(err) {
			r.notices.tell(err)
		}
	}
	r.end(op, result)
}

// closeBoth closes two channels, of which one may be that of a side that reads nothing: it does not hold up the other.
func closeBoth(a, b ssh.Channel) {
	var both sync.WaitGroup
	both.Go(func() { _ = a.Close() })
	both.Go(func() { _ = b.Close() })
	both.Wait()
}

// maxReason bounds what the record tells of the other side's reason, in bytes.
const maxReason = 1024

// notOpened is the result of a channel that the other side has not opened.
func notOpened(err error) *proxy.Result {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return &proxy.Result{ErrorCode: refused.Reason.String(), ErrorMessage: plain(refused.Message[:min(len(refused.Message), maxReason)])}
	}
	return failed(errGone)
}

// splice passes what two channels send each other until both have ended, or still tells why no more may pass, and tells how many bytes went
// either way.
func splice(a ssh.Channel, aRequests <-chan *ssh.Request, b ssh.Channel, bRequests <-chan *ssh.Request, still func() error) (fromA, fromB int64) {
	var both sync.WaitGroup
	both.Go(func() { fromA = half(a, aRequests, b, still) })
	both.Go(func() { fromB = half(b, bRequests, a, still) })
	both.Wait()
	return fromA, fromB
}

// half passes what from sends to to, and closes to when from is closed, and both where no more may pass.
func half(from ssh.Channel, requests <-chan *ssh.Request, to ssh.Channel, still func() error) (n int64) {
	var copying sync.WaitGroup
	copying.Go(func() {
		flow(from, func(b []byte) error {
			if err := still(); err != nil {
				closeBoth(from, to)
				return err
			}
			written, err := write(to, b)
			n += int64(written)
			return err
		})
		_ = to.CloseWrite()
	})
	ssh.DiscardRequests(requests)
	copying.Wait()
	_ = to.Close()
	return n
}
