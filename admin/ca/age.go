package ca

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// AgeSealer seals to an age key.
type AgeSealer struct {
	identity *age.X25519Identity
}

// NewAgeSealer makes a Sealer over the key.
func NewAgeSealer(identity *age.X25519Identity) *AgeSealer { return &AgeSealer{identity: identity} }

// Seal encrypts to the key's recipient.
func (s *AgeSealer) Seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, s.identity.Recipient())
	if err != nil {
		return nil, fmt.Errorf("age: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("age: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("age: %w", err)
	}
	return out.Bytes(), nil
}

// ErrOtherSealKey says that something was sealed with a key that this process does not have.
var ErrOtherSealKey = errors.New("it was sealed with another key: let seal_key_file name a copy of the key of the server that sealed it")

// Open decrypts what Seal made; ErrOtherSealKey when another sealer did.
func (s *AgeSealer) Open(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), s.identity)
	if other := (*age.NoIdentityMatchError)(nil); errors.As(err, &other) {
		return nil, ErrOtherSealKey
	}
	if err != nil {
		return nil, fmt.Errorf("age: %w", err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("age: %w", err)
	}
	return plain, nil
}
