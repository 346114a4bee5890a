package mysql

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// maxAuthRounds bounds how often a store may ask for something in one login; honest ones ask four times at most.
const maxAuthRounds = 16

// authenticate answers the greeting's challenge, and whatever the store asks for then, up to its OK.
func (l *storeLogin) authenticate() error {
	l.plugin, l.scramble = l.greeting.plugin, l.greeting.scramble
	if !answerable(l.plugin) { // the store switches to the account's own plugin anyway
		l.plugin = pluginNative
	}
	answer, err := l.answer()
	if err != nil {
		return err
	}
	if err := l.send(l.response(answer)); err != nil {
		return err
	}
	for range maxAuthRounds {
		payload, err := l.receive()
		if err != nil {
			return err
		}
		switch payload[0] {
		case packetOK:
			l.ok = payload
			return nil
		case packetError:
			return newServerError(payload)
		case packetAuthSwitch:
			err = l.switchPlugin(payload)
		case packetMoreAuth:
			err = l.more(payload[1:])
		default: // dialog's questions come as they are
			err = l.more(payload)
		}
		if err != nil {
			return err
		}
	}
	return malformed("no end of a login after %d rounds", maxAuthRounds)
}

// answerable says whether a plugin's first answer tells nothing of the password.
func answerable(plugin string) bool {
	return plugin == pluginNative || plugin == pluginCachingSHA2 || plugin == pluginEd25519
}

// switchPlugin answers an AuthSwitchRequest.
func (l *storeLogin) switchPlugin(payload []byte) error {
	f := fields{b: payload[1:]}
	if len(f.b) == 0 {
		return unsupported("the store asks for a password of MySQL before 4.1; give the account a newer plugin")
	}
	if l.sent {
		return malformed("another plugin after the password")
	}
	l.plugin = f.lastText()
	l.scramble = bytes.TrimSuffix(f.b, []byte{0})
	answer, err := l.answer()
	if err != nil {
		return err
	}
	return l.send(answer)
}

// answer is the plugin's first answer.
func (l *storeLogin) answer() ([]byte, error) {
	password := l.secret.Password
	if strings.IndexByte(password, 0) >= 0 {
		return nil, unsupported("the credential's password holds a zero byte, which MySQL cannot take")
	}
	switch l.plugin {
	case pluginNative, "":
		if password == "" {
			return nil, nil
		}
		return mysql.CalcPassword(l.challenge(), []byte(password)), nil
	case pluginCachingSHA2:
		if password == "" {
			return []byte{0}, nil
		}
		return mysql.CalcCachingSha2Password(l.challenge(), password), nil
	case pluginEd25519:
		answer, err := mysql.CalcEd25519Password(l.scramble, password)
		if err != nil {
			return nil, fmt.Errorf("answer by %s: %w", pluginEd25519, err)
		}
		return answer, nil
	case pluginSHA256:
		return l.passwordOrKey(1)
	case pluginClear:
		return l.clearPassword()
	case pluginDialog:
		return l.dialog(l.scramble)
	case "auth_gssapi_client", "authentication_kerberos_client", "authentication_windows_client":
		return nil, unsupported("the store asks for Kerberos (GSSAPI), which Sallyport does not speak; give the account a password")
	}
	return nil, unsupported("the store asks for an authentication plugin that Sallyport does not know; give the account a password")
}

// challenge is the scramble as the plugins of a fixed length take it.
func (l *storeLogin) challenge() []byte { return l.scramble[:min(len(l.scramble), scrambleSize)] }

// more answers what a plugin asks for after its first answer (Protocol::AuthMoreData).
func (l *storeLogin) more(data []byte) error {
	var answer []byte
	var err error
	switch {
	case l.keyed && (l.plugin == pluginCachingSHA2 || l.plugin == pluginSHA256):
		answer, err = l.encrypted(data)
	case l.plugin == pluginCachingSHA2 && bytes.Equal(data, []byte{sha2FastOK}):
		return nil
	case l.plugin == pluginCachingSHA2 && bytes.Equal(data, []byte{sha2Full}):
		answer, err = l.passwordOrKey(sha2RequestKey)
	case l.plugin == pluginDialog:
		answer, err = l.dialog(data)
	default:
		return malformed("%d further bytes for plugin %s", len(data), l.plugin)
	}
	if err != nil {
		return err
	}
	return l.send(answer)
}

// passwordOrKey is the password itself over TLS or a Unix socket, else the byte that asks for the store's public key.
// Without TLS nothing proves whose key it is; ssl_mode disable and prefer, which alone lead here, accept that.
func (l *storeLogin) passwordOrKey(request byte) ([]byte, error) {
	if l.secret.Password == "" {
		return []byte{0}, nil
	}
	if l.secure {
		return l.password()
	}
	if l.keyed {
		return nil, malformed("a second question for the password")
	}
	l.keyed = true
	return []byte{request}, nil
}

// password is the password itself, once.
func (l *storeLogin) password() ([]byte, error) {
	if l.sent {
		return nil, malformed("a second question for the password")
	}
	l.sent = true
	return append([]byte(l.secret.Password), 0), nil
}

// encrypted is the password, encrypted by the store's public key.
func (l *storeLogin) encrypted(public []byte) ([]byte, error) {
	block, _ := pem.Decode(public)
	if block == nil {
		return nil, malformed("no public key in %d bytes", len(public))
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, malformed("public key: %w", err)
	}
	rsaPublic, ok := key.(*rsa.PublicKey)
	if !ok || len(l.challenge()) == 0 {
		return nil, malformed("a public key of type %T for a challenge of %d bytes", key, len(l.scramble))
	}
	if l.sent {
		return nil, malformed("a second question for the password")
	}
	l.sent = true
	answer, err := mysql.EncryptPassword(l.secret.Password, l.challenge(), rsaPublic)
	if err != nil {
		return nil, malformed("encrypt the password: %w", err)
	}
	return answer, nil
}

// clearPassword is the password for plugins that take it as it is: only where it is certain who reads it.
func (l *storeLogin) clearPassword() ([]byte, error) {
	if !l.private {
		return nil, unsupported("the store asks for the password itself, which is sent to a store with a verified certificate only; " +
			"let the resource's ssl_mode be verify-full")
	}
	return l.password()
}

// dialog answers PAM's one question: a byte of its kind (2 and 3 with echo, 4 and 5 without), and its text. No question at
// all asks for the password.
func (l *storeLogin) dialog(question []byte) ([]byte, error) {
	if len(question) > 0 && (question[0] < 2 || question[0] > 5) {
		return nil, malformed("a question of kind %d", question[0])
	}
	if l.sent {
		return nil, unsupported("the store asks for more than a password (PAM), which nobody is there to answer")
	}
	return l.clearPassword()
}

func unsupported(sentence string) error {
	return &codedError{number: numberUnreachable, sentence: sentence, err: errors.New("no way to authenticate")}
}
