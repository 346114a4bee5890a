package proxy

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/redact"
)

// Protocol is what one protocol provides. A connection goes from Protocol to Client to Link, each step yielding
// the next, so that no step can be skipped. docs/adding-a-protocol.md walks through it.
type Protocol interface {
	// Accept does the client's side of the handshake up to the point where the store would have to be asked, and
	// learns who wants what. It touches no store. Where conn.Identity() is nil it must ask the client for its name and
	// access token. ErrDone means that the connection wanted no session (a cancel request, say) and is answered.
	// Any other error has been told to the client already, in the protocol's own form, as far as it could be.
	Accept(ctx context.Context, conn *Conn) (Client, error)
	// ALPN are the names by which TLS clients may ask for the protocol (IANA, "TLS ALPN Protocol IDs"); nil when there
	// are none.
	ALPN() []string
	// Reader tells the protocol's statements apart where only their text is there: for redaction, and for questions about
	// what policy would say.
	Reader() redact.Reader
}

// Readers are those of all protocols, by the protocol's name.
func Readers(protocols map[string]Protocol) map[string]redact.Reader {
	readers := make(map[string]redact.Reader, len(protocols))
	for name, p := range protocols {
		readers[name] = p.Reader()
	}
	return readers
}

// ErrDone is returned by Protocol.Accept for a connection that is complete without a session.
var ErrDone = errors.New("connection complete without a session")

// ErrCredentialRefused is wrapped by Client.Connect's error when the store refused the credential itself; the
// session then fetches a fresh one, once.
var ErrCredentialRefused = errors.New("the store refused the credential")

// Client is a client that waits at the first door.
type Client interface {
	// Login is what the client asked for.
	Login() Login
	// Connect opens the store and authenticates there. It tells the client nothing yet.
	Connect(ctx context.Context, store access.Resource, secret creds.Secret) (Link, error)
	// Deny tells the client in the protocol's own form why the session ends, and how to go on. It is used before and
	// after Connect, once, and the connection is closed after it. See Explain for the words.
	Deny(err error)
}

// Login is what a client asks for in its handshake.
type Login struct {
	User        string            // the person, native entrance only
	Token       access.TokenProof // shows their access token, native entrance only
	Identity    *access.Identity  // who it is, where the handshake has proven it; nil: Token does
	Refused     error             // why the handshake has turned the person away already; nil: it has not
	Resource    string            // from the user name or the database name; empty when SNI named it
	Account     string            // account at the store; empty for the role's default
	Database    string            // empty for the resource's default
	Application string            // the client program's name, if it told
}

// Link is an open way between one client and its store.
type Link interface {
	// Relay tells the client that it is in, and passes messages both ways until either side ends or ctx does. Every
	// statement goes through gate.Begin before its first byte goes upstream. It returns nil when the client left,
	// and waits for its goroutines.
	Relay(ctx context.Context, gate *Gate) error
	// Close closes the store's side. It may be called at any time after Relay has returned, once.
	Close() error
}

// Statement is one unit of work as the protocol sees it: whatever the store would do on its behalf. It is only
// read during Gate.Begin, so its slices may point into a buffer.
type Statement struct {
	Text     []byte
	Command  string // the protocol's word for how it came ("query", "execute")
	Prepared string // name of the prepared statement, if any
	Class    string
	// Tables, Columns and Fingerprint are what audit.Event says they are.
	Tables, Columns []string
	Fingerprint     string
	// Names gives what policy judges by where Tables holds patterns of names alone, such as those of keys; nil: Tables. It is
	// asked only when rules look at statements at all.
	Names Namer
	// Understood says that it touches nothing but Tables and Columns by itself. A read that is not understood is judged as
	// class other, since it may do more than read, unless it is OnlyRead.
	Understood bool
	// OnlyRead says that a read does nothing else, even where what it reads cannot be told: a file by a path whose beginning only the
	// server knows.
	OnlyRead bool
	// WholeTable says that it changes every row of a table.
	WholeTable bool
	// Judged is the class by which policy judges it where that is not Class: of what is only brought to the store, the class
	// that it has once it runs.
	Judged   string
	Params   []audit.Param
	Database string // that the session uses by then; empty where that never changes
	BytesIn  int64
	// Reader reads Text as the store does in this session, where that is known better than the protocol's own reader does;
	// nil: that one.
	Reader redact.Reader
}

// Namer gives the whole names of all that a statement touches. They are only read before the next statement.
type Namer interface {
	Names() []string
}

// Result is what became of a statement.
type Result struct {
	Rows         int64
	BytesIn      int64 // protocol bytes from the client on this statement's behalf
	BytesOut     int64 // protocol bytes to the client
	Tag          string
	Recording    *audit.Recording // of what was shown; nil: there is none
	ErrorCode    string           // the store's; without one, the message is the gateway's own
	ErrorMessage string
}
