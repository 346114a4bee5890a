package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// askAgainIn is between two questions to the Sentinels while they elect; sentinelTimeout bounds the answer of one, so
// that the next is asked in time.
const (
	askAgainIn      = 250 * time.Millisecond
	sentinelTimeout = 3 * time.Second
)

// errNoMaster says that the store the Sentinels named is no master, or none any more.
var errNoMaster = errors.New("the store that the Sentinels name is no master yet")

// dialMaster connects to the master that the resource's Sentinels name. While a failover is going on it asks again,
// until ctx ends. A session whose master is demoted ends, since Sentinels make it drop its clients.
func dialMaster(ctx context.Context, store access.Resource, secret creds.Secret, w wish) (*storeConn, error) {
	for {
		address, err := findMaster(ctx, store, secret)
		if err != nil {
			return nil, err
		}
		master := store
		master.Address = address
		conn, err := openMaster(ctx, master, secret, w)
		var unreachable *proxy.StoreUnreachable
		if !errors.As(err, &unreachable) && !errors.Is(err, errNoMaster) {
			return conn, err
		}
		select {
		case <-time.After(askAgainIn):
		case <-ctx.Done():
			return nil, &proxy.StoreUnreachable{Resource: store.Name, Err: err}
		}
	}
}

// openMaster is openStore for a store that says itself that it is a master. Where the credential may not ask, the
// Sentinels' word counts.
func openMaster(ctx context.Context, store access.Resource, secret creds.Secret, w wish) (*storeConn, error) {
	s, err := openStore(ctx, store, secret, w)
	if err != nil {
		return nil, err
	}
	err = proxy.Within(ctx, s.Conn, func() error {
		d, err := s.ask(store, "ROLE")
		if err != nil || d.errorIs("NOPERM") {
			return err
		}
		if len(d.items) == 0 || string(d.items[0].text) != "master" {
			return errNoMaster
		}
		return nil
	})
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// ask sends one command of the handshake and reads its answer.
func (s *storeConn) ask(store access.Resource, args ...string) (datum, error) {
	if _, err := s.Write(appendCommand(nil, args...)); err != nil {
		return datum{}, closedInHandshake(store, err)
	}
	d, _, err := s.next(store)
	return d, err
}

// findMaster asks the Sentinels in turn; the first that knows the master counts.
func findMaster(ctx context.Context, store access.Resource, secret creds.Secret) (address string, err error) {
	var failed error
	for one := range strings.SplitSeq(store.Address, ",") {
		sentinel := store
		sentinel.Address = strings.TrimSpace(one)
		if address, err = askSentinel(ctx, sentinel, secret); err == nil {
			return address, nil
		}
		failed = errors.Join(failed, err)
	}
	return "", fmt.Errorf("ask Sentinels: %w", failed)
}

// askSentinel asks one Sentinel, which is reached as the store is: with TLS alike, and by the same credential where it
// asks for one.
func askSentinel(ctx context.Context, sentinel access.Resource, secret creds.Secret) (address string, err error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelTimeout)
	defer cancel()
	conn, err := reach(ctx, sentinel, secret)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	s := &storeConn{Conn: conn}
	err = proxy.Within(ctx, conn, func() error {
		address, err = s.masterOf(sentinel, secret)
		return err
	})
	return address, err
}

// masterOf asks the Sentinel for the master's address.
func (s *storeConn) masterOf(sentinel access.Resource, secret creds.Secret) (address string, err error) {
	question := []string{"SENTINEL", "get-master-addr-by-name", sentinel.Master}
	d, err := s.ask(sentinel, question...)
	if err != nil {
		return "", err
	}
	if login := authCommand(secret); d.errorIs("NOAUTH") && login != nil {
		if _, err := s.Write(login); err != nil {
			return "", closedInHandshake(sentinel, err)
		}
		if d, _, err = s.next(sentinel); err != nil {
			return "", err
		}
		if d.isError() {
			return "", refusal("the store's Sentinels refused the credential that Sallyport holds for the store; an admin has to make it known to them", &d)
		}
		if d, err = s.ask(sentinel, question...); err != nil {
			return "", err
		}
	}
	switch {
	case d.isError():
		return "", refusal("the store's Sentinels do not tell where its master is; an admin has to look at the resource's address and master", &d)
	case len(d.items) != 2:
		return "", &proxy.Refusal{Sentence: "the store's Sentinels know no master of the name " + harmless(sentinel.Master) + "; an admin has to correct the resource"}
	}
	return net.JoinHostPort(string(d.items[0].text), string(d.items[1].text)), nil
}
