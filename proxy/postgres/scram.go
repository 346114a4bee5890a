package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/proxy"
	"github.com/xdg-go/stringprep"
)

const (
	scramSHA256     = "SCRAM-SHA-256"
	scramSHA256Plus = "SCRAM-SHA-256-PLUS"

	// PostgreSQL's default, and RFC 7677's least, is 4096; scram_iterations can lower and raise it. Fewer than the
	// minimum would let whoever poses as the store guess the password cheaply; more than the maximum would let it
	// burn a second of our time with each login.
	minIterations = 1000
	maxIterations = 1_000_000

	maxSaltBytes  = 1024
	nonceBytes    = 18
	maxNonceChars = 1024
)

// channelBinding is what a login can be bound to.
type channelBinding struct {
	tls  bool
	data []byte // tls-server-end-point; nil where it is not defined
}

// scramKeys are what a login needs of a salted password (RFC 5802, section 3).
type scramKeys struct {
	client, server [sha256.Size]byte
}

// scramClient is one SCRAM-SHA-256 exchange (RFC 5802, RFC 7677), seen from the client. PostgreSQL takes the user
// from the StartupMessage, so the user name is left empty as libpq does.
type scramClient struct {
	mechanism string
	password  string
	user      string
	nonce     string
	gs2Header string
	binding   []byte // channel binding data, for -PLUS alone

	authMessage string
	cacheKey    cacheKey
	keys        scramKeys
	verified    bool
}

// newSCRAM chooses the strongest of the offered mechanisms, with libpq's rules: bound to the TLS channel when both
// sides can, and telling the server so when only we can, so that a man in the middle who hid -PLUS is found out.
func newSCRAM(password string, offered []string, binding channelBinding) (*scramClient, error) {
	c := &scramClient{mechanism: scramSHA256, password: password, gs2Header: "n,,"}
	plus := slices.Contains(offered, scramSHA256Plus)
	switch {
	case plus && !binding.tls:
		return nil, violation("%s offered without TLS", scramSHA256Plus)
	case plus && binding.data != nil:
		c.mechanism, c.gs2Header, c.binding = scramSHA256Plus, "p=tls-server-end-point,,", binding.data
	case !slices.Contains(offered, scramSHA256):
		return nil, unsupported("the store offers no SASL mechanism that Sallyport knows (SCRAM-SHA-256)")
	case !plus && binding.data != nil:
		c.gs2Header = "y,,"
	}
	var nonce [nonceBytes]byte
	rand.Read(nonce[:]) // never fails
	c.nonce = base64.StdEncoding.EncodeToString(nonce[:])
	return c, nil
}

// first is the client-first-message.
func (c *scramClient) first() []byte { return []byte(c.gs2Header + c.firstBare()) }

func (c *scramClient) firstBare() string { return "n=" + c.user + ",r=" + c.nonce }

// final answers the server-first-message with the client-final-message.
func (c *scramClient) final(serverFirst []byte, cache *scramCache) ([]byte, error) {
	challenge, err := parseServerFirst(string(serverFirst), c.nonce)
	if err != nil {
		return nil, violation("SCRAM challenge: %w", err)
	}
	c.cacheKey = cache.key(c.password, challenge.salt, challenge.iterations)
	keys, known := cache.get(c.cacheKey)
	if !known {
		keys, err = deriveKeys(c.password, challenge.salt, challenge.iterations)
		if err != nil {
			return nil, err
		}
	}
	c.keys = keys
	cbind := append([]byte(c.gs2Header), c.binding...)
	withoutProof := "c=" + base64.StdEncoding.EncodeToString(cbind) + ",r=" + challenge.nonce
	c.authMessage = c.firstBare() + "," + string(serverFirst) + "," + withoutProof
	storedKey := sha256.Sum256(keys.client[:])
	proof := hmacSHA256(storedKey[:], c.authMessage)
	subtle.XORBytes(proof[:], proof[:], keys.client[:])
	return []byte(withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof[:])), nil
}

// proven says that final has been called with success.
func (c *scramClient) proven() bool { return c.authMessage != "" }

// verify checks the server-final-message: that the server knows the password too. The keys are kept for the next
// login only now, so that a server which does not know the password cannot fill the cache.
func (c *scramClient) verify(serverFinal []byte, cache *scramCache) error {
	if !c.proven() || c.verified {
		return violation("SASL outcome out of turn")
	}
	signature, err := parseServerFinal(string(serverFinal))
	if err != nil {
		return err
	}
	want := hmacSHA256(c.keys.server[:], c.authMessage)
	if !hmac.Equal(signature, want[:]) {
		return &codedError{
			code: codeInvalidAuthorization, sentence: "the store could not prove that it knows the password",
			err: errors.New("wrong SCRAM server signature"),
		}
	}
	c.verified = true
	cache.put(c.cacheKey, c.keys)
	return nil
}

// serverFirst is a parsed server-first-message.
type serverFirst struct {
	nonce      string
	salt       []byte
	iterations int
}

// parseServerFirst reads "r=NONCE,s=SALT,i=ITERATIONS" and nothing more: PostgreSQL sends no extensions, and libpq
// takes none.
func parseServerFirst(s, clientNonce string) (serverFirst, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return serverFirst{}, fmt.Errorf("%d fields instead of 3", len(fields))
	}
	nonce, okNonce := strings.CutPrefix(fields[0], "r=")
	salt64, okSalt := strings.CutPrefix(fields[1], "s=")
	count, okCount := strings.CutPrefix(fields[2], "i=")
	if !okNonce || !okSalt || !okCount {
		return serverFirst{}, errors.New("not of the form r=,s=,i=")
	}
	if len(nonce) <= len(clientNonce) || len(nonce) > maxNonceChars || !strings.HasPrefix(nonce, clientNonce) {
		return serverFirst{}, errors.New("nonce does not continue ours")
	}
	for i := range len(nonce) {
		if nonce[i] < 0x21 || nonce[i] > 0x7e {
			return serverFirst{}, errors.New("unprintable character in the nonce")
		}
	}
	salt, err := base64.StdEncoding.Strict().DecodeString(salt64)
	if err != nil {
		return serverFirst{}, fmt.Errorf("salt: %w", err)
	}
	if len(salt) == 0 || len(salt) > maxSaltBytes {
		return serverFirst{}, fmt.Errorf("salt of %d bytes", len(salt))
	}
	iterations, err := strconv.ParseUint(count, 10, 31)
	if err != nil {
		return serverFirst{}, fmt.Errorf("iterations: %w", err)
	}
	if iterations < minIterations || iterations > maxIterations {
		return serverFirst{}, fmt.Errorf("%d iterations, not within %d to %d", iterations, minIterations, maxIterations)
	}
	return serverFirst{nonce: nonce, salt: salt, iterations: int(iterations)}, nil
}

// parseServerFinal reads "v=SIGNATURE" or "e=ERROR".
func parseServerFinal(s string) (signature []byte, err error) {
	if reason, ok := strings.CutPrefix(s, "e="); ok {
		err := fmt.Errorf("SCRAM error %.40q", reason)
		if reason == "invalid-proof" || reason == "unknown-user" {
			err = fmt.Errorf("%w: %w", proxy.ErrCredentialRefused, err)
		}
		return nil, &codedError{code: codeInvalidPassword, sentence: "the store refused the credential", err: err}
	}
	encoded, ok := strings.CutPrefix(s, "v=")
	if !ok {
		return nil, violation("SCRAM outcome is neither v= nor e=")
	}
	signature, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, violation("SCRAM signature: %w", err)
	}
	return signature, nil
}

func deriveKeys(password string, salt []byte, iterations int) (scramKeys, error) {
	salted, err := pbkdf2.Key(sha256.New, preparePassword(password), salt, iterations, sha256.Size)
	if err != nil {
		return scramKeys{}, fmt.Errorf("salt password: %w", err)
	}
	return scramKeys{client: hmacSHA256(salted, "Client Key"), server: hmacSHA256(salted, "Server Key")}, nil
}

func hmacSHA256(key []byte, message string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	mac.Sum(sum[:0])
	return sum
}

// preparePassword applies SASLprep (RFC 4013) as PostgreSQL does: a password that is no valid UTF-8, or that the
// profile prohibits, is taken as it is.
func preparePassword(password string) string {
	if isASCII(password) || !utf8.ValidString(password) {
		return password
	}
	// Both tables that come first in the profile hold U+200B; PostgreSQL asks the table of spaces first. The library
	// lacks U+1806 among what is mapped to nothing (RFC 3454, table B.1).
	mapped := strings.ReplaceAll(strings.ReplaceAll(password, "\u200b", " "), "\u1806", "")
	prepared, err := stringprep.SASLprep.Prepare(mapped)
	if err != nil || prepared == "" {
		return password
	}
	return prepared
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
