package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

// StoreSSLMode is how the connection to a store is secured, with the default filled in: verify-full, and no TLS on Unix
// sockets. An error is a *Refusal.
func StoreSSLMode(store *access.Resource) (access.SSLMode, error) {
	if strings.HasPrefix(store.Address, "/") {
		return access.SSLDisable, nil
	}
	switch store.SSLMode {
	case "":
		return access.SSLVerifyFull, nil
	case access.SSLDisable, access.SSLPrefer, access.SSLRequire, access.SSLVerifyCA, access.SSLVerifyFull:
		return store.SSLMode, nil
	}
	return "", &Refusal{Sentence: "the resource's ssl_mode is unknown", Err: fmt.Errorf("ssl_mode %q", store.SSLMode)}
}

// StoreVerified says whether TLS in that mode proves that the other end is the store.
func StoreVerified(store *access.Resource, mode access.SSLMode) bool {
	return mode == access.SSLVerifyFull || mode == access.SSLVerifyCA || mode == access.SSLRequire && store.CA != ""
}

// StoreTLS is how TLS is spoken with a store in that mode, and says what must be verified. As with libpq, mode require
// verifies like verify-ca where a CA is given, and prefer never verifies. A common name without a subject alternative
// name does not count as a host name. An error is a *Refusal, and wraps ErrCredentialRefused where the fault is the
// credential's.
func StoreTLS(store *access.Resource, secret creds.Secret, mode access.SSLMode, alpn ...string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(store.Address)
	if err != nil {
		return nil, &Refusal{Sentence: "the resource's address is not host:port", Err: err}
	}
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  host,
		NextProtos:                  alpn,
		DynamicRecordSizingDisabled: true,
	}
	if store.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(store.CA)) {
			return nil, &Refusal{Sentence: "the resource's ca cannot be read", Err: errors.New("no PEM certificate in ca")}
		}
	}
	switch {
	case mode == access.SSLVerifyFull:
	case StoreVerified(store, mode):
		config.InsecureSkipVerify = true //nolint:gosec // VerifyConnection below verifies all but the name
		config.VerifyConnection = verifyChain(config.RootCAs)
	default:
		config.InsecureSkipVerify = true //nolint:gosec // require and prefer ask for encryption alone
	}
	if len(secret.Certificate) == 0 {
		return config, nil
	}
	pair, err := tls.X509KeyPair(secret.Certificate, secret.Key)
	if err != nil {
		return nil, &Refusal{Sentence: "the credential's certificate and key cannot be used", Err: errors.Join(ErrCredentialRefused, err)}
	}
	// Always sent when asked for, as libpq does, even where the store's list of CAs does not name its issuer.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config, nil
}

// verifyChain verifies all but the host name.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(cert)
		}
		if _, err := state.PeerCertificates[0].Verify(options); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
}

// StoreTLSSentence says what went wrong in a TLS handshake with a store.
func StoreTLSSentence(err error) string {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return "the store's TLS certificate could not be verified"
	}
	return "the store and Sallyport could not agree on TLS"
}

// Within runs a step of a handshake with a store, whose reads and writes of conn end when ctx does. The connection has
// no deadline afterwards.
func Within(ctx context.Context, conn net.Conn, step func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := step()
	if !stop() {
		return &Refusal{Sentence: "the store did not answer in time", Err: errors.Join(ctx.Err(), err)}
	}
	return err
}
