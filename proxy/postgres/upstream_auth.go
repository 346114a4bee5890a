package postgres

import (
	"crypto/md5" //nolint:gosec // PostgreSQL's md5 method
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// authenticate answers one authentication request. A store may ask for a password once and in one way: one that
// asks for a proof first and for the password itself afterwards is not answered.
func (h *handshake) authenticate(body []byte) error {
	if len(body) < 4 {
		return violation("authentication request of %d bytes", len(body))
	}
	method := binary.BigEndian.Uint32(body)
	switch method {
	case pgproto3.AuthTypeOk:
		if h.scram != nil && !h.scram.verified {
			return violation("login granted before the store proved that it knows the password")
		}
		h.loggedIn = true
		return nil
	case pgproto3.AuthTypeSASLContinue:
		return h.continueSCRAM(body[4:])
	case pgproto3.AuthTypeSASLFinal:
		if h.scram == nil {
			return violation("SASL outcome before its start")
		}
		return h.scram.verify(body[4:], h.cache)
	}
	if h.answered {
		return violation("second authentication request")
	}
	h.answered = true
	switch method {
	case pgproto3.AuthTypeCleartextPassword:
		return h.sendCleartext()
	case pgproto3.AuthTypeMD5Password:
		return h.sendMD5(body)
	case pgproto3.AuthTypeSASL:
		return h.startSCRAM(body)
	case pgproto3.AuthTypeGSS, pgproto3.AuthTypeGSSCont, pgproto3.AuthTypeSSPI:
		return unsupported("the store asks for GSSAPI or SSPI; let its pg_hba.conf ask for scram-sha-256 from here")
	}
	return unsupported("the store asks for an authentication method that Sallyport does not know")
}

func (h *handshake) sendCleartext() error {
	if !h.private {
		return unsupported("the store asks for the password in the clear on a connection without TLS; " +
			"set the resource's ssl_mode, or let pg_hba.conf ask for scram-sha-256")
	}
	if err := h.needPassword(); err != nil {
		return err
	}
	return h.send(&pgproto3.PasswordMessage{Password: h.secret.Password})
}

// sendMD5 answers with md5(md5(password + user) + salt), in hex.
func (h *handshake) sendMD5(body []byte) error {
	if err := h.needPassword(); err != nil {
		return err
	}
	var request pgproto3.AuthenticationMD5Password
	if err := request.Decode(body); err != nil {
		return violation("AuthenticationMD5Password: %w", err)
	}
	stored := hexMD5([]byte(h.secret.Password + h.secret.Username))
	return h.send(&pgproto3.PasswordMessage{Password: "md5" + hexMD5(append([]byte(stored), request.Salt[:]...))})
}

func hexMD5(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // PostgreSQL's md5 method
	return hex.EncodeToString(sum[:])
}

func (h *handshake) startSCRAM(body []byte) error {
	if err := h.needPassword(); err != nil {
		return err
	}
	var request pgproto3.AuthenticationSASL
	if err := request.Decode(body); err != nil {
		return violation("AuthenticationSASL: %w", err)
	}
	client, err := newSCRAM(h.secret.Password, request.AuthMechanisms, h.binding)
	if err != nil {
		return err
	}
	h.scram = client
	return h.send(&pgproto3.SASLInitialResponse{AuthMechanism: client.mechanism, Data: client.first()})
}

func (h *handshake) continueSCRAM(challenge []byte) error {
	if h.scram == nil || h.scram.proven() {
		return violation("SASL challenge out of turn")
	}
	final, err := h.scram.final(challenge, h.cache)
	if err != nil {
		return err
	}
	return h.send(&pgproto3.SASLResponse{Data: final})
}

func (h *handshake) needPassword() error {
	switch {
	case h.secret.Password == "":
		return unsupported("the store asks for a password, and the credential holds none")
	case strings.IndexByte(h.secret.Password, 0) >= 0:
		return unsupported("the credential's password holds a zero byte, which PostgreSQL cannot take")
	}
	return nil
}

func (h *handshake) send(message pgproto3.FrontendMessage) error {
	encoded, err := message.Encode(nil)
	if err != nil {
		return fmt.Errorf("encode %T: %w", message, err)
	}
	if _, err := h.w.Write(encoded); err != nil {
		return lost(err)
	}
	return nil
}

func unsupported(sentence string) error {
	return &codedError{code: codeInvalidAuthorization, sentence: sentence, err: errors.New("no way to authenticate")}
}
