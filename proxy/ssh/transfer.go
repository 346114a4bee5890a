package ssh

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/ssh/files"
)

// transfer is a session that moves files: what both sides say goes through a decoder, which knows each operation.
type transfer struct {
	session *session
	decoder files.Decoder
	turns   bool // the sides take turns, so that one lock is held from what is read until it is written

	client, server sync.Mutex // held from a call of the decoder's until what it gave is written
	toServer       sync.Mutex
	toClient       sync.Mutex
	closed         bool // guarded by client and server
}

// transferOf is the transfer that a command is, where it is plainly one that is understood; nil: it is just a command. Nothing is
// where there is a terminal, which changes bytes.
func (s *session) transferOf(ctx context.Context, statement *proxy.Statement) *transfer {
	if s.terminal != nil {
		return nil
	}
	book := &fileLedger{ctx: ctx, book: s.relay.ledger}
	if isSFTP(statement) {
		book.told = s.note // clients of SFTP show an error's number alone
		return &transfer{session: s, decoder: files.NewSFTP(book)}
	}
	if command, ok := files.ParseSCP(string(statement.Text)); ok && statement.Command == requestExec {
		return &transfer{session: s, decoder: files.NewSCP(book, command), turns: true}
	}
	return nil
}

// isSFTP says whether the subsystem SFTP is asked for, or its program by name.
func isSFTP(statement *proxy.Statement) bool {
	text := string(statement.Text)
	if statement.Command == requestSubsystem {
		return text == subsystemSFTP
	}
	return statement.Command == requestExec && path.Base(text) == "sftp-server" && !strings.ContainsAny(text, " \t\r\n;&|<>()$`\\\"'*?[#~=%!{}")
}

// fromClient takes what the client has sent.
func (f *transfer) fromClient(b []byte) error { return f.pass(&f.client, f.decoder.FromClient, b) }

// fromServer takes what the server has sent.
func (f *transfer) fromServer(b []byte) error { return f.pass(&f.server, f.decoder.FromServer, b) }

func (f *transfer) pass(lock *sync.Mutex, decode func([]byte) (toServer, toClient []byte, err error), b []byte) error {
	if f.turns {
		lock = &f.client
	}
	lock.Lock()
	defer lock.Unlock()
	if f.closed {
		return io.EOF
	}
	toServer, toClient, failed := decode(b)
	if err := send(&f.toServer, f.session.store, toServer); err != nil {
		return err
	}
	if len(toClient) > 0 {
		if err := f.session.relay.hold(); err != nil {
			return err
		}
	}
	if err := send(&f.toClient, f.session.client, toClient); err != nil {
		return err
	}
	var broken *files.ProtocolError
	if errors.As(failed, &broken) {
		failed = &proxy.Refusal{Sentence: broken.Sentence + ", so this transfer cannot go on"}
	}
	if failed != nil {
		f.session.breakOff(failed)
	}
	return failed
}

func send(lock *sync.Mutex, to io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	lock.Lock()
	defer lock.Unlock()
	_, err := write(to, b)
	return err
}

// closing ends what goes to the server while nothing else goes there: the decoder asks it something of its own, too.
func (f *transfer) closing(end func()) {
	if f != nil {
		f.toServer.Lock()
		defer f.toServer.Unlock()
	}
	end()
}

// close ends the operations that are still open. Nothing passes any more.
func (f *transfer) close() {
	if f == nil {
		return
	}
	f.client.Lock()
	defer f.client.Unlock()
	f.server.Lock()
	defer f.server.Unlock()
	if !f.closed {
		f.closed = true
		f.decoder.Close()
	}
}

// fileLedger judges and records operations on files.
type fileLedger struct {
	ctx  context.Context //nolint:containedctx // the decoders know none, and live as long as their session
	book *ledger
	told func(words string) // shows a person why something is denied; nil: the protocol does

	mu    sync.Mutex
	words []string // that were told
}

// maxTold bounds how many different reasons are shown in one session.
const maxTold = 8

// denied is what the client reads of err. A person is told as well, once.
func (l *fileLedger) denied(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if words := sentence(err); l.told != nil && len(l.words) < maxTold && !slices.Contains(l.words, words) {
		l.words = append(l.words, words)
		l.told(words)
	}
	return errors.New(proxy.Explain(err))
}

var _ files.Gate = (*fileLedger)(nil)

// begun is an operation that was let pass.
type begun struct {
	*proxy.Op
	*standing
}

// Begin implements files.Gate.
func (l *fileLedger) Begin(op *files.Op) (any, error) {
	statement, reviews := fileStatement(op), l.book.gate.Reviews()
	one, err := l.book.begin(l.ctx, statement)
	if err != nil {
		return nil, l.denied(err)
	}
	return begun{one, l.book.standing(l.ctx, statement, reviews)}, nil
}

// Still implements files.Gate.
func (l *fileLedger) Still(handle any) error {
	if err := handle.(begun).still(); err != nil {
		return l.denied(err)
	}
	return nil
}

// Check implements files.Gate.
func (l *fileLedger) Check(op *files.Op) error {
	if err := l.book.check(l.ctx, fileStatement(op)); err != nil {
		return l.denied(err)
	}
	return nil
}

// Refuse implements files.Gate.
func (l *fileLedger) Refuse(op *files.Op, why string) {
	_ = l.book.refuse(l.ctx, fileStatement(op), &proxy.Refusal{Sentence: why}) // it does not pass, recorded or not
}

// End implements files.Gate.
func (l *fileLedger) End(handle any, r files.Result) {
	result := &proxy.Result{BytesIn: r.BytesIn, BytesOut: r.BytesOut, ErrorCode: r.Code, ErrorMessage: r.Message}
	if r.Whole {
		result.Tag = "sha256:" + r.SHA256
	}
	l.book.end(handle.(begun).Op, result)
}

func fileStatement(op *files.Op) *proxy.Statement {
	return &proxy.Statement{Command: op.Command, Class: op.Class, Text: []byte(op.Text), Tables: op.Paths, Understood: op.Understood, OnlyRead: true}
}
