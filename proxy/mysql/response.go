package mysql

import (
	"bytes"
	"fmt"
)

// sslRequestSize is the length of an SSLRequest: the beginning of a handshake response, in bytes.
const sslRequestSize = 32

// response is a client's answer to the greeting (Protocol::HandshakeResponse41).
type response struct {
	capabilities capability // as the client says, whatever it was offered
	mariadb      capability
	maxPacket    uint32
	charset      byte
	user         string
	answer       []byte // to the challenge
	database     string
	plugin       string // that made answer
	attributes   []byte // nil: none
}

// wantsTLS says whether the payload is an SSLRequest.
func wantsTLS(payload []byte) bool {
	f := fields{b: payload}
	return capability(f.uint32()).has(capSSL|capProtocol41) && !f.bad && len(payload) == sslRequestSize
}

// parseResponse reads a handshake response. What stands behind its last field is ignored, as servers do.
func parseResponse(payload []byte) (*response, error) {
	f := fields{b: payload}
	if low := capability(f.uint16()); f.bad || !low.has(capProtocol41) {
		return nil, &codedError{number: numberOldClient, sentence: "this client speaks the protocol of MySQL before 4.1, which is not served; use a newer one",
			err: fmt.Errorf("capabilities %#x in %d bytes", uint32(low), len(payload))}
	}
	f.b = payload
	r := &response{capabilities: capability(f.uint32()), maxPacket: f.uint32(), charset: f.uint8()}
	f.bytes(19)
	if extended := capability(f.uint32()); !r.capabilities.has(capLongPassword) {
		r.mariadb = extended
	}
	r.user = f.text()
	switch {
	case r.capabilities.has(capPluginAuthLenEnc):
		r.answer = f.counted()
	case r.capabilities.has(capSecureConnection):
		r.answer = f.bytes(uint64(f.uint8()))
	default:
		r.answer = []byte(f.text())
	}
	if r.capabilities.has(capConnectWithDB) {
		r.database = f.lastText()
	}
	if r.capabilities.has(capPluginAuth) {
		r.plugin = f.lastText()
	}
	if r.capabilities.has(capConnectAttrs) && len(f.b) > 0 {
		r.attributes = bytes.Clone(f.counted())
	}
	if _, ok := attribute(r.attributes, ""); f.bad || !ok {
		return nil, malformed("a handshake response of %d bytes", len(payload))
	}
	return r, nil
}

// attribute finds a connect attribute; empty when there is none of that name. ok is false where they are malformed.
func attribute(attributes []byte, name string) (value string, ok bool) {
	f := fields{b: attributes}
	for len(f.b) > 0 && !f.bad {
		key, v := f.counted(), f.counted()
		if !f.bad && string(key) == name {
			value = string(v)
		}
	}
	return value, !f.bad
}
