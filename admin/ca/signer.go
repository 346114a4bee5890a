package ca

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// CreateSigner makes a key that signs documents, and gives its public half (PEM) and its sealed private half (base64),
// ready to be stored beside the authority.
func CreateSigner(sealer Sealer) (public, sealedKey string, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make signing key: %w", err)
	}
	sealed, err := sealer.Seal(key.Seed())
	if err != nil {
		return "", "", fmt.Errorf("seal signing key: %w", err)
	}
	public, err = EncodeSignerKey(key.Public().(ed25519.PublicKey))
	return public, base64.StdEncoding.EncodeToString(sealed), err
}

// LoadSigner opens a key that CreateSigner made.
func LoadSigner(sealer Sealer, public, sealedKey string) (ed25519.PrivateKey, error) {
	sealed, err := base64.StdEncoding.DecodeString(sealedKey)
	if err != nil {
		return nil, fmt.Errorf("decode sealed signing key: %w", err)
	}
	seed, err := sealer.Open(sealed)
	if err != nil {
		return nil, fmt.Errorf("open sealed signing key: %w", err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("the sealed signing key has the wrong size")
	}
	key := ed25519.NewKeyFromSeed(seed)
	expected, err := ParseSignerKey(public)
	if err != nil {
		return nil, err
	}
	if !expected.Equal(key.Public()) {
		return nil, errors.New("the sealed signing key does not belong to its public half")
	}
	return key, nil
}

// EncodeSignerKey writes the public half as PUBLIC KEY in PEM.
func EncodeSignerKey(public ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// ParseSignerKey reads what EncodeSignerKey wrote.
func ParseSignerKey(text string) (ed25519.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the public key cannot be read")
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the public key is not an Ed25519 key")
	}
	return key, nil
}
