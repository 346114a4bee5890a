package main

import (
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/sshca"
)

// ownCredentials are those of the source sealed: values that are kept here, and certificates that are made for each session.
func (s *server) ownCredentials() creds.Source {
	return sshca.New(func() (ssh.Signer, error) { return s.admin.SSHLogins(), nil }, s.sealed)
}
