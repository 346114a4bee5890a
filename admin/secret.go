package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newSecret draws n random bytes and writes them in letters and digits that need no quoting anywhere.
func newSecret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return lowerBase32.EncodeToString(b)
}

// hashSecret is how a secret is stored. The secrets are 256 random bits, so a plain hash is enough.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func secretMatches(secret, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(hashSecret(secret)), []byte(hash)) == 1
}

// An access token is sally_<id>_<secret>.
const tokenPrefix = "sally_"

func formatToken(id, secret string) string { return tokenPrefix + id + "_" + secret }

// parseToken takes a token apart; what has not its form gives an empty id.
func parseToken(token string) (id, secret string) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", ""
	}
	id, secret, ok = strings.Cut(rest, "_")
	if !ok {
		return "", ""
	}
	return id, secret
}
