// Package ssh speaks SSH to clients and to servers, and relays between them with every shell, command, file and forward recorded.
// Sources: RFC 4251 to 4254, RFC 4256, RFC 8308; OpenSSH's PROTOCOL, PROTOCOL.certkeys and PROTOCOL.agent.
package ssh

import (
	"context"
	"net/netip"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
)

// DefaultMessageLimit bounds one command line, in bytes. It is about what a packet of x/crypto's holds.
const DefaultMessageLimit = 256 << 10

// Directory is what the SSH entrance asks besides proxy.Directory. Errors that a person may read are *access.Denial.
type Directory interface {
	// IdentifySSHKey names the person who may be known by the public key, which may be a certificate (*ssh.Certificate): that its
	// holder is at the other end is for the caller to verify.
	IdentifySSHKey(ctx context.Context, user string, key ssh.PublicKey) (access.Identity, error)
	// SignInByLink lets the person prove themselves in a browser: show is called once with the address and the code to compare, and
	// opened once they, and nobody else, look at it there; it returns when they have, or when ctx ends.
	SignInByLink(ctx context.Context, user string, from netip.Addr, show func(url, code string) error, opened func()) (access.Identity, error)
	// PinHostKey keeps the host key, as in authorized_keys, of a resource that has none. It is on the record. An error: another one
	// was pinned meanwhile, or it cannot be kept.
	PinHostKey(ctx context.Context, resource, session, key string) error
}

// Recorder keeps what terminals and shells show; *recording.Store is one.
type Recorder interface {
	Record(h recording.Header) (*recording.Writer, error)
}

// Options say with what the protocol works.
type Options struct {
	MessageLimit int // of one command line, in bytes; 0: DefaultMessageLimit
	Directory    Directory
	// HostKeys are the gateway's own, for clients: the certified key first, then the plain one. It is asked for each connection.
	HostKeys func(ctx context.Context) ([]ssh.Signer, error)
	Recorder Recorder // nil: terminals and shells are refused, since nothing could record them
}

// Protocol is SSH as the gateway serves it.
type Protocol struct {
	limit     int
	directory Directory
	hostKeys  func(ctx context.Context) ([]ssh.Signer, error)
	recorder  Recorder
}

var _ proxy.Protocol = (*Protocol)(nil)

// New makes the protocol.
func New(o Options) *Protocol {
	if o.MessageLimit == 0 {
		o.MessageLimit = DefaultMessageLimit
	}
	return &Protocol{limit: o.MessageLimit, directory: o.Directory, hostKeys: o.HostKeys, recorder: o.Recorder}
}

// ALPN implements proxy.Protocol. There is none.
func (p *Protocol) ALPN() []string { return nil }

// Reader implements proxy.Protocol.
func (p *Protocol) Reader() redact.Reader { return reader{} }
