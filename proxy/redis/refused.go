package redis

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/proxy"
)

// refusal is an error reply of the store's during the handshake, in words for the person. The store's own are for the
// log.
func refusal(sentence string, reply *datum) error {
	return &proxy.Refusal{Sentence: sentence, Err: fmt.Errorf("store says: %s", harmless(string(reply.text)))}
}

// authRefused says why AUTH failed. What another credential could mend wraps proxy.ErrCredentialRefused.
func authRefused(reply *datum) error {
	text := strings.ToLower(string(reply.text))
	switch {
	case strings.Contains(text, "without any password configured"), strings.Contains(text, "no password is set"):
		return refusal("the store asks for no password, but the credential that Sallyport holds for it has one; an admin has to correct it", reply)
	case strings.Contains(text, "wrong number of arguments"):
		return errors.Join(proxy.ErrCredentialRefused,
			refusal("the store knows no user names (it is older than Redis 6), but the credential that Sallyport holds for it has one; an admin has to correct it", reply))
	case reply.errorIs("WRONGPASS"), reply.errorIs("NOAUTH"), strings.Contains(text, "invalid password"):
		return fmt.Errorf("%w: %w", proxy.ErrCredentialRefused, fmt.Errorf("store says: %s", harmless(string(reply.text))))
	}
	return storeRefusal(reply)
}

// storeRefusal is a refusal that has nothing to do with the credential.
func storeRefusal(reply *datum) error {
	text := strings.ToLower(string(reply.text))
	switch {
	case reply.errorIs("LOADING"):
		return refusal("the store is loading its data; try again in a moment", reply)
	case reply.errorIs("MASTERDOWN"):
		return refusal("the store is a replica that has lost its master; try again in a moment, and tell its owners if it lasts", reply)
	case reply.errorIs("READONLY"):
		return refusal("the store is a replica that takes no writes; an admin has to correct the resource's address", reply)
	case reply.errorIs("DENIED"):
		return refusal("the store is in protected mode and lets nobody in from other machines; its owners have to set a password there, or bind it", reply)
	case strings.Contains(text, "max number of clients"):
		return refusal("the store has as many clients as it takes; try again in a moment, and tell its owners if it lasts", reply)
	}
	return refusal("the store refused the connection; an admin finds its words in the gateway's log", reply)
}
