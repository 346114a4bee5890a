package access

import (
	"crypto/sha1" //nolint:gosec // what mysql_native_password rests on
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"
)

// An access token is sally_<id>_<secret>.
const tokenPrefix = "sally_"

// FormatToken writes a token.
func FormatToken(id, secret string) string { return tokenPrefix + id + "_" + secret }

// ParseToken takes a token apart; what has not its form gives an empty id.
func ParseToken(token string) (id, secret string) {
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

// HashSecret is how a secret of 256 random bits is stored: a plain hash is enough for these.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// TokenHash is what is kept of an access token: it proves the token and does not tell it. Both are of 256 random bits.
type TokenHash struct {
	Secret string `json:"secret"` // SHA-256 of its secret, in hex
	// Native is SHA-1 of SHA-1 of the whole token, in hex, for MySQL clients that can prove a password in no other way
	// (mysql_native_password); empty for tokens that are older than this.
	Native string `json:"native,omitempty"`
}

// HashToken gives what is kept of the token with this ID and secret.
func HashToken(id, secret string) TokenHash {
	once := sha1.Sum([]byte(FormatToken(id, secret))) //nolint:gosec // the protocol's own; a random token cannot be guessed
	twice := sha1.Sum(once[:])                        //nolint:gosec // as above
	return TokenHash{Secret: HashSecret(secret), Native: hex.EncodeToString(twice[:])}
}

// SecretMatches compares in constant time.
func SecretMatches(secret, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(HashSecret(secret)), []byte(hash)) == 1
}

// TokenProof is what a client shows of its access token: the token, or an answer that only who has it can give.
type TokenProof struct {
	Token string
	// Answers says whether the answer to a challenge is that of the token whose SHA-1's SHA-1 this is (MySQL's
	// mysql_native_password); nil where Token was sent.
	Answers func(doubleSHA1 []byte) bool
}

// ProveToken finds the token whose secret this is, in the same time whether it is there or not. It looks at nothing
// else: AdmitToken does.
func (e *Engine) ProveToken(token string) (Token, bool) {
	id, secret := ParseToken(token)
	t, known := e.snapshot.Tokens[id]
	return t, SecretMatches(secret, e.snapshot.TokenHashes[id].Secret) && known
}

// leastTried is how many tokens an answer to a challenge is tried on at least, so that the time tells neither whether a
// user is known nor, up to so many, how many tokens they have.
const leastTried = 16

// Prove finds the user's token that the proof shows. Of an answer to a challenge, every token of the user's may be meant.
func (e *Engine) Prove(user string, proof TokenProof) (Token, bool) {
	if proof.Answers == nil {
		t, ok := e.ProveToken(proof.Token)
		return t, ok && t.User == user
	}
	proven := ""
	tokens := e.natives[user]
	for i := range tokens {
		if proof.Answers(tokens[i].hash[:]) {
			proven = tokens[i].id
		}
	}
	for range leastTried - len(tokens) {
		proof.Answers(make([]byte, sha1.Size))
	}
	return e.snapshot.Tokens[proven], proven != ""
}

// nativeToken is a token that an answer to a challenge may show.
type nativeToken struct {
	id   string
	hash [sha1.Size]byte // TokenHash.Native
}

// indexNatives finds the tokens that answers to challenges may show.
func (e *Engine) indexNatives() {
	e.natives = map[string][]nativeToken{}
	for id, t := range e.snapshot.Tokens {
		if hash, err := hex.DecodeString(e.snapshot.TokenHashes[id].Native); err == nil && len(hash) == sha1.Size {
			e.natives[t.User] = append(e.natives[t.User], nativeToken{id, [sha1.Size]byte(hash)})
		}
	}
}

// AdmitToken gives the identity of a token that was proven, unless its time or its user's is over.
func (e *Engine) AdmitToken(t Token, now time.Time) (Identity, error) {
	id, err := e.Known(t.User)
	if err != nil {
		return Identity{}, err
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Identity{}, expiredToken(&t)
	}
	id.Expires, id.Token, id.Scope = t.Expires, t.ID, t.Scope
	return id, nil
}

// AdmitCertificate names the user of a certificate whose chain was verified.
func (e *Engine) AdmitCertificate(cert *x509.Certificate, now time.Time) (Identity, error) {
	name, err := UserOf(cert)
	if err != nil {
		return Identity{}, badCertificate()
	}
	return e.AdmitCertified(Certified{User: name, Issued: IssuedAt(cert), From: cert.NotBefore, Until: cert.NotAfter, MFA: MFAOf(cert), Token: TokenOf(cert)}, now)
}

// Certified is what a certificate of a user's says whose signature was verified, of whichever kind it is.
type Certified struct {
	User        string
	Issued      time.Time // to the microsecond
	From, Until time.Time // when it is valid
	MFA         time.Time // when the user last used a passkey; zero: never
	Token       string    // the ID of the access token by which it was had; empty: none
}

// AdmitCertified gives the identity that a certificate proves, unless its time is over or the user's or the token's is.
func (e *Engine) AdmitCertified(c Certified, now time.Time) (Identity, error) {
	id, err := e.Known(c.User)
	if err != nil {
		return Identity{}, err
	}
	if now.After(c.Until) || now.Before(c.From) {
		return Identity{}, &Denial{Cause: Expired, Sentence: "your certificate has expired; run: sally login"}
	}
	if !c.Issued.After(e.snapshot.Users[c.User].CertificatesValidFrom) {
		return Identity{}, badCertificate()
	}
	id.Expires, id.Issued, id.MFA = c.Until, c.Issued, c.MFA
	if c.Token != "" {
		t, ok := e.snapshot.Tokens[c.Token]
		if !ok || t.User != c.User {
			return Identity{}, &Denial{Cause: BadCredentials, Sentence: "the access token by which you signed in was revoked; run: sally login"}
		}
		id.Token, id.Scope = t.ID, t.Scope
	}
	return id, nil
}

// AdmitSSHKey names the user who has registered the public key of the fingerprint, if it is this one.
func (e *Engine) AdmitSSHKey(user, fingerprint string) (Identity, error) {
	if k, ok := e.snapshot.SSHKeys[fingerprint]; !ok || k.User != user {
		return Identity{}, &Denial{Cause: BadCredentials, Sentence: "this SSH key is not registered"}
	}
	id, err := e.Known(user)
	if err != nil {
		return Identity{}, err
	}
	id.SSHKey = fingerprint
	return id, nil
}

func badCertificate() *Denial {
	return &Denial{Cause: BadCredentials, Sentence: "your certificate is no longer valid; run: sally login"}
}
