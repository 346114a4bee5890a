package postgres

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

const sslRequestCode = 80877103

// tlsError says that the store and Sallyport could not agree on TLS; nothing of the login was sent.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }

func (e *tlsError) Unwrap() error { return e.err }

// startTLS asks for TLS in conn as mode demands, with libpq's meanings, and does the TLS handshake. With mode prefer
// it returns conn itself when the store has no TLS.
//
// Exactly one byte is read in the clear, unbuffered: whatever somebody put behind it becomes part of the TLS
// handshake and breaks it, and is never taken for the store's word (CVE-2021-23222). An error message in place of
// that byte is not shown to anybody, since anybody could have written it (CVE-2024-10977).
func startTLS(ctx context.Context, conn net.Conn, store access.Resource, secret creds.Secret, mode access.SSLMode,
) (net.Conn, error) {
	config, err := tlsConfig(store, secret, mode)
	if err != nil {
		return nil, err
	}
	request := binary.BigEndian.AppendUint32(nil, 8)
	request = binary.BigEndian.AppendUint32(request, sslRequestCode)
	if _, err := conn.Write(request); err != nil {
		return nil, unanswered(err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, unanswered(err)
	}
	switch {
	case answer[0] == 'S':
	case answer[0] == 'N' && mode == access.SSLPrefer:
		return conn, nil
	case answer[0] == 'N':
		return nil, &codedError{
			code: codeUnableToConnect, sentence: "the store does not offer TLS, which the resource's ssl_mode demands",
			err: fmt.Errorf("ssl_mode %s", mode),
		}
	default:
		return nil, &tlsError{&codedError{
			code: codeProtocolViolation, sentence: "the store did not answer the request for TLS as PostgreSQL does",
			err: fmt.Errorf("answer %q", answer[0]),
		}}
	}
	secured := tls.Client(proxy.Records(conn), config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, &tlsError{&codedError{code: codeUnableToConnect, sentence: proxy.StoreTLSSentence(err), err: err}}
	}
	return secured, nil
}

func unanswered(err error) error {
	return &codedError{
		code: codeConnectionFailure, sentence: "the store closed the connection instead of answering",
		err: fmt.Errorf("request TLS: %w", err),
	}
}

// tlsConfig says what must be verified.
func tlsConfig(store access.Resource, secret creds.Secret, mode access.SSLMode) (*tls.Config, error) {
	config, err := proxy.StoreTLS(&store, secret, mode, "postgresql")
	switch {
	case errors.Is(err, proxy.ErrCredentialRefused):
		return nil, &codedError{code: codeInvalidAuthorization, sentence: proxy.Explain(err), err: err}
	case err != nil:
		return nil, &codedError{code: codeUnableToConnect, sentence: proxy.Explain(err), err: err}
	}
	return config, nil
}

// serverEndPoint is the channel binding data of type tls-server-end-point (RFC 5929, section 4.1), or nil where the
// certificate's signature has no hash function, for which the type is not defined (Ed25519).
func serverEndPoint(cert *x509.Certificate) []byte {
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, // these count as SHA-256
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, x509.DSAWithSHA256:
		sum := sha256.Sum256(cert.Raw)
		return sum[:]
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		sum := sha512.Sum384(cert.Raw)
		return sum[:]
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		sum := sha512.Sum512(cert.Raw)
		return sum[:]
	}
	return nil
}
