package link

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// A join token is sally-join-<base64url of the two halves of a JoinToken>.
const joinPrefix = "sally-join-"

// JoinToken enrols one gateway, once. It names the authority by whose certificates the control plane proves itself, so
// that a gateway's first contact is authenticated on both sides.
type JoinToken struct {
	Authority [sha256.Size]byte // SHA-256 of the authority's certificate, DER
	Secret    [32]byte
}

// NewJoinToken draws a token for an authority's certificate (DER).
func NewJoinToken(authority []byte) (JoinToken, error) {
	t := JoinToken{Authority: sha256.Sum256(authority)}
	if _, err := rand.Read(t.Secret[:]); err != nil {
		return JoinToken{}, fmt.Errorf("draw join token: %w", err)
	}
	return t, nil
}

// Text is what a person copies.
func (t JoinToken) Text() string {
	return joinPrefix + base64.RawURLEncoding.EncodeToString(append(t.Authority[:], t.Secret[:]...))
}

// SecretText is what goes to the control plane.
func (t JoinToken) SecretText() string { return base64.RawURLEncoding.EncodeToString(t.Secret[:]) }

// ParseJoinToken reads what a person pasted. Its error never repeats the text.
func ParseJoinToken(text string) (JoinToken, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), joinPrefix)
	both, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	var t JoinToken
	if !ok || err != nil || len(both) != len(t.Authority)+len(t.Secret) {
		return JoinToken{}, errors.New("this is no join token; make one with: sally admin gateways token NAME")
	}
	copy(t.Authority[:], both)
	copy(t.Secret[:], both[len(t.Authority):])
	return t, nil
}

// Names reports whether the certificate (DER) is that of the token's authority.
func (t JoinToken) Names(certificate []byte) bool { return sha256.Sum256(certificate) == t.Authority }
