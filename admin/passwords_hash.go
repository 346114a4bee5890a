package admin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// hashing is what a password's hash costs (argon2id, RFC 9106).
type hashing struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// presentHashing takes 50 to 100 ms of one core of a server: BenchmarkPassword tells what it takes here. It is above
// the least that OWASP asks for, 46 MiB and one pass.
var presentHashing = hashing{memory: 48 << 10, passes: 2, threads: 1}

const (
	saltBytes = 16
	hashBytes = 32
	// hashesAtOnce bounds the memory and the cores that sign-ins can take: 96 MiB and two.
	hashesAtOnce = 2
	// hashWait is how long a sign-in waits for its turn.
	hashWait = 5 * time.Second
)

// hashPassword makes a hash in PHC form: $argon2id$v=19$m=49152,t=2,p=1$SALT$HASH.
func (h hashing) hashPassword(password string) string {
	salt := randomBytes(saltBytes)
	return h.encode(salt, h.key(password, salt))
}

// decoy is a hash that no password has. To try one against it takes as long as against any other.
func (h hashing) decoy() string { return h.encode(randomBytes(saltBytes), randomBytes(hashBytes)) }

func (h hashing) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}

func (h hashing) key(password string, salt []byte) []byte {
	// The same characters may be typed as different code points on different keyboards.
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, h.passes, h.memory, h.threads, hashBytes)
}

// storedHash is a hash taken apart.
type storedHash struct {
	hashing
	salt, key []byte
}

var errHashForm = errors.New("this is no argon2id hash in PHC form that this program makes")

// parseHash is strict, and refuses costs that would take the machine down.
func parseHash(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return storedHash{}, errHashForm
	}
	var h storedHash
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil || n != 3 ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, h.threads) {
		return storedHash{}, errHashForm
	}
	if h.memory < 8<<10 || h.memory > 256<<10 || h.passes < 1 || h.passes > 10 || h.threads < 1 || h.threads > 4 {
		return storedHash{}, errHashForm
	}
	var err error
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(parts[4]); err != nil || len(h.salt) != saltBytes {
		return storedHash{}, errHashForm
	}
	if h.key, err = b64.DecodeString(parts[5]); err != nil || len(h.key) != hashBytes {
		return storedHash{}, errHashForm
	}
	return h, nil
}

// matches compares in constant time.
func (h storedHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.hashing.key(password, h.salt), h.key) == 1
}

// turn waits until fewer than hashesAtOnce hashes are made; done must be called after. It gives up after hashWait.
func (a *accounts) turn(ctx context.Context) (done func(), err error) {
	timer := time.NewTimer(hashWait)
	defer timer.Stop()
	select {
	case a.hashes <- struct{}{}:
		return func() { <-a.hashes }, nil
	case <-timer.C:
		return nil, &refusal{status: http.StatusServiceUnavailable, sentence: "many people sign in just now; try again in a moment"}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
