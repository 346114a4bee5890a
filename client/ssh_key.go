package client

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"
)

// SSHKey gives the path of the profile's own SSH key, and sees to it that there is one: Ed25519, in OpenSSH's form and not encrypted, with its
// public half at the same path and .pub behind. By itself it opens nothing; a certificate for it does, while that lasts.
func (s *Store) SSHKey(p *Profile) (path string, err error) {
	path = s.sshPath(p.Name)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, s.makeSSHKey(path, p.User)
	case err != nil:
		return "", fmt.Errorf("read SSH key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return "", fmt.Errorf("read SSH key: %s is damaged; remove it, and another is made", path) // the cause may quote it
	}
	return path, keepSSHPublic(path, key.PublicKey(), p.User)
}

func (s *Store) makeSSHKey(path, user string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, user)
	if err != nil {
		return fmt.Errorf("encode SSH key: %w", err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return fmt.Errorf("encode SSH key: %w", err)
	}
	if err := privateDir(s.sshPath("")); err != nil {
		return fmt.Errorf("keep SSH key: %w", err)
	}
	if err := ReplaceFile(path, pem.EncodeToMemory(block)); err != nil {
		return fmt.Errorf("keep SSH key: %w", err)
	}
	return keepSSHPublic(path, key, user)
}

// keepSSHPublic writes the public half beside the key. What is there already may be that of a key before it.
func keepSSHPublic(path string, key ssh.PublicKey, user string) error {
	line := ssh.MarshalAuthorizedKey(key)
	if err := ReplaceFile(path+".pub", append(line[:len(line)-1], " "+user+"\n"...)); err != nil {
		return fmt.Errorf("keep SSH key: %w", err)
	}
	return nil
}
