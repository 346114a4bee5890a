package mysql

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OAEP with SHA-1 is what the protocol asks for
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
)

const rsaBits = 2048

// rsaKey is the key pair by which clients without TLS encrypt a password (caching_sha2_password). It is made when the first
// needs it, and lives as long as the process.
type rsaKey struct {
	mu  sync.Mutex
	key *rsa.PrivateKey
	pem []byte // of the public key
}

// public gives the public key in PEM.
func (k *rsaKey) public() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == nil {
		key, err := rsa.GenerateKey(rand.Reader, rsaBits)
		if err != nil {
			return nil, fmt.Errorf("make a key for passwords: %w", err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("write the key for passwords: %w", err)
		}
		k.key, k.pem = key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	return k.pem, nil
}

// decrypt gives what was encrypted by the public key.
func (k *rsaKey) decrypt(encrypted []byte) ([]byte, error) {
	k.mu.Lock()
	key := k.key
	k.mu.Unlock()
	if key == nil {
		return nil, errors.New("encrypted by a key that nobody was given")
	}
	return rsa.DecryptOAEP(sha1.New(), nil, key, encrypted, nil) //nolint:gosec // as above
}
