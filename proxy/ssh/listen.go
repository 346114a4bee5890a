package ssh

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// maxListeners bounds the places at which a server listens for one connection.
const maxListeners = 256

// listeners are the places at which the server listens for the client, each with the statement that let it.
type listeners struct {
	mu   sync.Mutex
	open map[listenPlace]*proxy.Op
}

// listenPlace is a port, or a socket's path. Servers name the address of a port in their own way, so the port alone tells.
type listenPlace struct {
	port uint32
	path string
}

// begin keeps the statement once ask, which says where the server listens now, has succeeded. Meanwhile nobody looks: what comes in
// at once finds its place.
func (l *listeners) begin(at listenPlace, op *proxy.Op, ask func() (listenPlace, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[listenPlace]*proxy.Op{}
	}
	if len(l.open) >= maxListeners || l.open[at] != nil {
		return &proxy.Refusal{Sentence: "the server listens at too many places for one connection, or there already"}
	}
	at, err := ask()
	if err == nil && l.open[at] != nil {
		return &proxy.Refusal{Sentence: "the server says that it listens where it does already"}
	}
	if err == nil {
		l.open[at] = op
	}
	return err
}

// take removes a place; nil: there is none.
func (l *listeners) take(at listenPlace) *proxy.Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	op := l.open[at]
	delete(l.open, at)
	return op
}

func (l *listeners) has(at listenPlace) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[at] != nil
}

// endAll ends the statements of all that is still listened at.
func (l *listeners) endAll(book *ledger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range l.open {
		book.end(op, &proxy.Result{})
	}
	l.open = nil
}

// noPlace is why a request is refused that names no place where a server could listen.
const noPlace = "this is no place to listen at: name a host and a port, or a socket by its whole path"

// listenAt reads where a request is about. what is how the record names it.
func listenAt(q *ssh.Request) (at listenPlace, what string, err error) {
	if q.Type == requestListenLocal || q.Type == requestUnlistenLocal {
		var socket textRequest
		if err := read(q.Payload, &socket); err != nil {
			return at, "", err
		}
		return listenPlace{path: socket.Text}, socket.Text, checkSocket(socket.Text)
	}
	var port tcpListen
	if err := read(q.Payload, &port); err != nil {
		return at, "", err
	}
	if len(port.Host) > maxAddress {
		return at, "", fmt.Errorf("an address of %d bytes", len(port.Host))
	}
	return listenPlace{port: port.Port}, place(port.Host, port.Port), checkPort(port.Host, port.Port)
}

// listen lets the server listen for the client, where it may.
func (r *relay) listen(ctx context.Context, q *ssh.Request) {
	at, what, err := listenAt(q)
	if err != nil {
		r.refuseRequest(ctx, q, cmp.Or(what, ofBytes(q)), noPlace)
		return
	}
	op, err := r.begin(ctx, listening(access.ClassListen, what, what))
	if held := r.hold(); held != nil && err == nil {
		r.end(op, failed(held))
		err = held
	}
	if err != nil {
		r.notices.tell(err)
		_ = q.Reply(false, nil)
		return
	}
	var answer []byte
	err = r.listeners.begin(at, op, func() (listenPlace, error) {
		var ok bool
		ok, answer, err = r.store.SendRequest(q.Type, true, q.Payload)
		if err != nil || !ok {
			return at, &proxy.Refusal{Sentence: "the server does not listen there", Err: err}
		}
		var chosen tcpListening
		if at == (listenPlace{}) && read(answer, &chosen) == nil { // the port was left to the server
			at.port = chosen.Port
		}
		return at, nil
	})
	if err != nil {
		r.end(op, failed(err))
	}
	_ = q.Reply(err == nil, answer)
}

// unlisten ends what listen has begun. What was not begun the server need not hear of.
func (r *relay) unlisten(ctx context.Context, q *ssh.Request) {
	at, what, err := listenAt(q)
	if err != nil {
		r.refuseRequest(ctx, q, cmp.Or(what, ofBytes(q)), noPlace)
		return
	}
	op := r.listeners.take(at)
	if op == nil {
		_ = q.Reply(false, nil)
		return
	}
	ok, _, err := r.store.SendRequest(q.Type, true, q.Payload)
	r.end(op, &proxy.Result{})
	_ = q.Reply(ok && err == nil, nil)
}

// listening is the statement of a place that is listened at, or of a connection that came in there.
func listening(command, text, at string) *proxy.Statement {
	return &proxy.Statement{Command: command, Class: access.ClassListen, Text: []byte(text), Tables: []string{at}, Understood: true}
}

// forwarded passes a connection that came in at a place where the server listens for the client.
func (r *relay) forwarded(ctx context.Context, n ssh.NewChannel) {
	at, what, from, err := arrivedAt(n)
	if err != nil || !r.listeners.has(at) {
		_ = n.Reject(ssh.Prohibited, "nobody asked for this")
		return
	}
	text := what
	if from != "" {
		text += " from " + from
	}
	statement, reviews := listening("forwarded", text, what), r.gate.Reviews()
	op, err := r.begin(ctx, statement)
	if err != nil {
		_ = n.Reject(ssh.Prohibited, "refused by sallyport")
		return
	}
	if r.hold() != nil { // the client is the one who is told here
		_ = n.Reject(ssh.ConnectionFailed, "refused by sallyport")
		r.end(op, failed(errGone))
		return
	}
	r.join(op, r.standing(ctx, statement, reviews), n, r.client.server, func() error { return nil })
}

// arrivedAt is where a connection came in, and where it comes from.
func arrivedAt(n ssh.NewChannel) (at listenPlace, what, from string, err error) {
	if n.ChannelType() == channelForwardedLocal {
		var socket localChannel
		err = read(n.ExtraData(), &socket)
		return listenPlace{path: socket.Path}, socket.Path, "", err
	}
	var tcp tcpChannel
	err = read(n.ExtraData(), &tcp)
	return listenPlace{port: tcp.Port}, place(tcp.Host, tcp.Port), place(tcp.OriginHost, tcp.OriginPort), err
}
