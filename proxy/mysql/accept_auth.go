package mysql

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // what mysql_native_password rests on
	"crypto/subtle"
	"fmt"

	"github.com/sallyport/sallyport/access"
)

// Authentication plugins by their names in the protocol.
const (
	pluginNative      = "mysql_native_password"
	pluginCachingSHA2 = "caching_sha2_password"
	pluginSHA256      = "sha256_password"
	pluginClear       = "mysql_clear_password"
	pluginDialog      = "dialog"
	pluginEd25519     = "client_ed25519"
)

// What caching_sha2_password says besides passwords.
const (
	sha2RequestKey = 0x02 // client: send your public key
	sha2FastOK     = 0x03 // server: your answer was right
	sha2Full       = 0x04 // server: send the password
)

// exchange is how a client shows who it is: by the plugin that it was greeted with, or another that it is switched to.
type exchange struct {
	client   *client
	plugin   string // that scramble was made for
	scramble []byte
}

// run goes through the exchange. In the tunnel, where it is proven who the client is, any answer will do, and it goes on
// only as far as the client needs to be content.
func (e *exchange) run(r *response) (access.TokenProof, error) {
	plugin, answer := r.plugin, r.answer
	if !r.capabilities.has(capPluginAuth) {
		plugin = pluginNative // it answers the challenge of any greeting in the only way it knows
		if !r.capabilities.has(capSecureConnection) {
			return access.TokenProof{}, &codedError{number: numberOldClient, sentence: "this client knows only the passwords of MySQL before 4.1; use a newer one"}
		}
	} else if want := e.switchTo(plugin, len(answer) > 0); want != "" {
		var err error
		if answer, err = e.ask(want); err != nil {
			return access.TokenProof{}, err
		}
		plugin = want
	}
	if e.client.conn.Identity() != nil {
		return access.TokenProof{}, e.content(plugin, answer)
	}
	return e.prove(plugin, answer)
}

// switchTo is the plugin that the client has to be switched to; empty when its answer can be used. Clients whose own plugin
// is another than the one they were greeted with leave the answer out, so that they are asked again.
func (e *exchange) switchTo(plugin string, answered bool) string {
	switch {
	case plugin == e.plugin:
		return ""
	case plugin == pluginNative:
		if answered {
			return ""
		}
		return pluginNative
	case plugin == pluginClear && e.client.conn.Identity() == nil:
		if answered {
			return ""
		}
		return pluginClear
	case e.client.conn.Identity() != nil && plugin != pluginCachingSHA2:
		return pluginNative
	}
	return pluginCachingSHA2
}

// ask makes the client answer by a plugin, to a new challenge (Protocol::AuthSwitchRequest).
func (e *exchange) ask(plugin string) ([]byte, error) {
	if plugin == pluginClear && !e.client.conn.SecretsAllowed() {
		return nil, needsTLS()
	}
	e.plugin, e.scramble = plugin, newScramble()
	request := appendText([]byte{packetAuthSwitch}, plugin)
	if err := e.client.write(append(append(request, e.scramble...), 0)...); err != nil {
		return nil, err
	}
	return e.client.read()
}

// content says what a client awaits before it takes itself for logged in.
func (e *exchange) content(plugin string, answer []byte) error {
	if plugin != pluginCachingSHA2 || len(answer) == 0 || bytes.Equal(answer, []byte{0}) { // no password, no outcome
		return nil
	}
	return e.client.write(packetMoreAuth, sha2FastOK)
}

// prove takes what the answer shows of an access token. A client without any password has shown nothing.
func (e *exchange) prove(plugin string, answer []byte) (access.TokenProof, error) {
	switch {
	case len(answer) == 0, bytes.Equal(answer, []byte{0}):
		return access.TokenProof{}, nil
	case plugin == pluginNative:
		return e.nativeProof(answer)
	case !e.client.conn.SecretsAllowed():
		return access.TokenProof{}, needsTLS()
	case plugin == pluginClear:
		return e.token(answer)
	}
	// The answer by caching_sha2_password could be checked only by whoever keeps a hash of the token that is made for it.
	if err := e.client.write(packetMoreAuth, sha2Full); err != nil {
		return access.TokenProof{}, err
	}
	password, err := e.client.read()
	if err != nil {
		return access.TokenProof{}, err
	}
	if bytes.Equal(password, []byte{sha2RequestKey}) {
		if password, err = e.giveKey(); err != nil {
			return access.TokenProof{}, err
		}
	}
	// Some clients send it in the clear without TLS, too, where that is allowed.
	if e.client.conn.Secure() || len(password) != rsaBits/8 {
		return e.token(password)
	}
	return e.encryptedToken(password)
}

// token takes a token that was sent in the clear.
func (e *exchange) token(password []byte) (access.TokenProof, error) {
	token, ended := bytes.CutSuffix(password, []byte{0})
	if !ended || bytes.IndexByte(token, 0) >= 0 {
		return access.TokenProof{}, malformed("a password of %d bytes without its end", len(password))
	}
	return access.TokenProof{Token: string(token)}, nil
}

// giveKey sends the gateway's public key and reads what the client has encrypted by it.
func (e *exchange) giveKey() ([]byte, error) {
	public, err := e.client.protocol.rsa.public()
	if err != nil {
		return nil, err
	}
	if err := e.client.write(append([]byte{packetMoreAuth}, public...)...); err != nil {
		return nil, err
	}
	return e.client.read()
}

// encryptedToken takes a token that was encrypted by the gateway's public key.
func (e *exchange) encryptedToken(password []byte) (access.TokenProof, error) {
	plain, err := e.client.protocol.rsa.decrypt(password)
	if err != nil {
		return access.TokenProof{}, malformed("decrypt the password: %w", err)
	}
	for i := range plain {
		plain[i] ^= e.scramble[i%len(e.scramble)]
	}
	return e.token(plain)
}

// nativeProof is what mysql_native_password shows: SHA1(token) XOR SHA1(scramble + SHA1(SHA1(token))). It tells nothing
// of the token to who does not know its hash, so it may be sent without TLS.
func (e *exchange) nativeProof(answer []byte) (access.TokenProof, error) {
	if len(answer) != sha1.Size {
		return access.TokenProof{}, malformed("an answer of %d bytes by %s", len(answer), pluginNative)
	}
	answer, scramble := bytes.Clone(answer), e.scramble
	return access.TokenProof{Answers: func(doubleSHA1 []byte) bool {
		h := sha1.New() //nolint:gosec // the plugin's own
		h.Write(scramble)
		h.Write(doubleSHA1)
		once := h.Sum(nil)
		subtle.XORBytes(once, once, answer)
		twice := sha1.Sum(once) //nolint:gosec // the plugin's own
		return subtle.ConstantTimeCompare(twice[:], doubleSHA1) == 1
	}}, nil
}

func needsTLS() error {
	return &codedError{number: numberNeedsTLS, sentence: "access tokens are taken over TLS only: connect with --ssl-mode=REQUIRED (MariaDB: --ssl)",
		err: fmt.Errorf("plain connection")}
}
