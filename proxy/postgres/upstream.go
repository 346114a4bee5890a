package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// handshakeTimeout bounds everything between the first dial and the store's first ReadyForQuery, whatever the
// caller's context allows.
const handshakeTimeout = 30 * time.Second

// storeConn is a connection to the store that is authenticated and ready for queries.
type storeConn struct {
	conn       net.Conn    // *net.TCPConn, *net.UnixConn or *tls.Conn, without a deadline
	parameters []parameter // the store's ParameterStatus messages, in order
	notices    [][]byte    // whole NoticeResponse messages that came during the handshake
	pid        uint32
	secretKey  []byte // 4 bytes in protocol 3.0; nil when the store gave none
	txStatus   byte   // of the first ReadyForQuery
	buffered   []byte // bytes that were read after that ReadyForQuery
}

// parameter is a run-time parameter as the store reports it.
type parameter struct {
	name, value string
}

// dialStore connects to the store and authenticates there as secret.Username. The parameters of startup are passed
// on, except user (the secret's), protocol options (_pq_.*) and, where startup names none, database (the
// resource's). What the store itself refuses is a *serverError; a refused credential wraps
// proxy.ErrCredentialRefused. The connection is closed on any error.
func dialStore(ctx context.Context, store access.Resource, secret creds.Secret, startup map[string]string,
	cache *scramCache,
) (*storeConn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	message, err := startupMessage(store, secret, startup)
	if err != nil {
		return nil, err
	}
	mode, err := sslMode(store)
	if err != nil {
		return nil, err
	}
	c, err := openStore(ctx, store, secret, mode, message, cache)
	if mode == access.SSLPrefer && refusedTLS(err) {
		return openStore(ctx, store, secret, access.SSLDisable, message, cache)
	}
	return c, err
}

// openStore is one attempt of dialStore.
func openStore(ctx context.Context, store access.Resource, secret creds.Secret, mode access.SSLMode, startup []byte,
	cache *scramCache,
) (*storeConn, error) {
	conn, err := reach(ctx, store, secret, mode)
	if err != nil {
		return nil, err
	}
	h := newHandshake(conn, secret, cache)
	err = within(ctx, conn, func() error { return h.run(startup) })
	if err != nil {
		_ = conn.Close()
		if h.binding.tls {
			err = &overTLSError{err}
		}
		return nil, fmt.Errorf("log in at the store: %w", err)
	}
	return h.established(conn), nil
}

// reach opens a connection to the store, secured as mode asks.
func reach(ctx context.Context, store access.Resource, secret creds.Secret, mode access.SSLMode) (net.Conn, error) {
	network, address := storeAddress(store)
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, &proxy.StoreUnreachable{Resource: store.Name, Err: err}
	}
	if mode == access.SSLDisable {
		return conn, nil
	}
	secured := conn
	err = within(ctx, conn, func() (err error) {
		secured, err = startTLS(ctx, conn, store, secret, mode)
		return err
	})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("secure the connection to the store: %w", err)
	}
	return secured, nil
}

// within is proxy.Within, with the SQLSTATE that fits.
func within(ctx context.Context, conn net.Conn, step func() error) error {
	var late *proxy.Refusal
	err := proxy.Within(ctx, conn, step)
	if ctx.Err() != nil && errors.As(err, &late) {
		return &codedError{code: codeConnectionFailure, sentence: late.Sentence, err: err}
	}
	return err
}

// storeAddress is where the store listens, as net.Dial wants it. A path is a Unix socket, or, as for libpq, the
// directory that holds the socket of port 5432.
func storeAddress(store access.Resource) (network, address string) {
	if !strings.HasPrefix(store.Address, "/") {
		return "tcp", store.Address
	}
	if strings.HasPrefix(filepath.Base(store.Address), ".s.PGSQL.") {
		return "unix", store.Address
	}
	return "unix", filepath.Join(store.Address, ".s.PGSQL.5432")
}

// sslMode is the store's TLS mode with its default filled in. PostgreSQL has no TLS on Unix sockets.
func sslMode(store access.Resource) (access.SSLMode, error) {
	mode, err := proxy.StoreSSLMode(&store)
	if err != nil {
		return "", &codedError{code: codeUnableToConnect, sentence: proxy.Explain(err), err: err}
	}
	return mode, nil
}

// overTLSError marks a login that failed on a connection that TLS protected.
type overTLSError struct{ err error }

func (e *overTLSError) Error() string { return e.err.Error() }

func (e *overTLSError) Unwrap() error { return e.err }

// refusedTLS says whether mode prefer should try again without TLS: when TLS itself could not be agreed on, or when
// the store lets this user in from here, but not over TLS (hostnossl in pg_hba.conf). Unlike libpq it does not try
// again after a wrong password.
func refusedTLS(err error) bool {
	var fault *tlsError
	if errors.As(err, &fault) {
		return true
	}
	var secured *overTLSError
	var refusal *serverError
	return errors.As(err, &secured) && errors.As(err, &refusal) && refusal.Code == codeInvalidAuthorization
}
