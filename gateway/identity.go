package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// Identity is who a gateway is: its key and certificate, and by what it knows its control plane. It is never changed.
type Identity struct {
	Gateway     string
	Certificate tls.Certificate // with the authority's certificate behind the gateway's own
	Roots       *x509.CertPool  // of everybody's certificates
	SnapshotKey ed25519.PublicKey

	kept keptIdentity
}

// keptIdentity is the file of an Identity.
type keptIdentity struct {
	Gateway     string `json:"gateway"`
	Key         string `json:"key"`          // PEM: PRIVATE KEY
	Certificate string `json:"certificate"`  // PEM
	CA          string `json:"ca"`           // PEM
	SnapshotKey []byte `json:"snapshot_key"` // Ed25519
}

// Files in a gateway's directory, each with mode 0600.
const (
	identityFile  = "identity.json"
	snapshotFile  = "snapshot.json"
	heartbeatFile = "heartbeat.json"
)

// ErrNotJoined says that the directory holds no identity yet.
var ErrNotJoined = errors.New("this gateway has not joined a control plane yet")

// LoadIdentity reads the identity that is kept in the directory; ErrNotJoined when there is none.
func LoadIdentity(dir string) (*Identity, error) {
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	var kept keptIdentity
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, errors.New("read identity: the file is damaged; join again with a new join token") // the cause may quote the key
	}
	return kept.open()
}

func (k keptIdentity) open() (*Identity, error) {
	root, _ := pem.Decode([]byte(k.CA))
	if root == nil {
		return nil, errors.New("open identity: the authority's certificate is missing")
	}
	pair, err := tls.X509KeyPair([]byte(k.Certificate), []byte(k.Key))
	if err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	pair.Certificate = append(pair.Certificate, root.Bytes) // so that clients can pin it
	id := &Identity{Gateway: k.Gateway, Certificate: pair, Roots: x509.NewCertPool(), SnapshotKey: k.SnapshotKey, kept: k}
	if !id.Roots.AppendCertsFromPEM([]byte(k.CA)) {
		return nil, errors.New("open identity: the authority's certificate cannot be read")
	}
	if name, err := access.GatewayOf(pair.Leaf); err != nil || name != k.Gateway {
		return nil, errors.New("open identity: the certificate is another gateway's")
	}
	if len(k.SnapshotKey) != ed25519.PublicKeySize {
		return nil, errors.New("open identity: the key of snapshots is missing")
	}
	return id, nil
}

// save keeps the identity in the directory, durably.
func (id *Identity) save(dir string) error {
	text, err := json.Marshal(id.kept)
	if err != nil {
		return errors.New("encode identity") // without the cause, which may quote the key
	}
	return replaceFile(filepath.Join(dir, identityFile), text, true)
}

// renewed is the identity with another key and certificate.
func (id *Identity) renewed(key, certificate string) (*Identity, error) {
	kept := id.kept
	kept.Key, kept.Certificate = key, certificate
	return kept.open()
}

// renewAt is when a third of the certificate's time is left.
func (id *Identity) renewAt() time.Time {
	leaf := id.Certificate.Leaf
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
}

// newKey makes a key, and a request for its certificate; both PEM.
func newKey() (key, request string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", fmt.Errorf("encode key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	if err != nil {
		return "", "", fmt.Errorf("request certificate: %w", err)
	}
	return encodePEM("PRIVATE KEY", der), encodePEM("CERTIFICATE REQUEST", csr), nil
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// joinConfig verifies the control plane of a join token: by the authority that the token names, which the control plane
// sends, and by the name that this authority gives to control planes alone.
func joinConfig(token link.JoinToken) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: link.ControlName, NextProtos: []string{"http/1.1"},
		// There is no root to verify by before the token's was found in the chain; VerifyConnection makes the whole check.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			roots, others := x509.NewCertPool(), x509.NewCertPool()
			for _, c := range state.PeerCertificates {
				if token.Names(c.Raw) {
					roots.AddCert(c)
				} else {
					others.AddCert(c)
				}
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: link.ControlName, Roots: roots, Intermediates: others})
			if err != nil {
				return fmt.Errorf("this is not the control plane that the join token is from: %w", err)
			}
			return nil
		},
	}
}

// controlConfig verifies control planes, and proves the gateway to them.
func (id *Identity) controlConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: link.ControlName, RootCAs: id.Roots, Certificates: []tls.Certificate{id.Certificate},
		NextProtos: []string{"http/1.1"},
	}
}

// enrolled makes the identity of a control plane's answer to a join.
func enrolled(token link.JoinToken, key string, answer link.Enrolled) (*Identity, error) {
	block, _ := pem.Decode([]byte(answer.CA))
	if block == nil || !token.Names(block.Bytes) || bytes.Count([]byte(answer.CA), []byte("-----BEGIN")) != 1 {
		return nil, errors.New("the answer's authority is not the join token's")
	}
	return keptIdentity{Gateway: answer.Gateway, Key: key, Certificate: answer.Certificate, CA: answer.CA, SnapshotKey: answer.SnapshotKey}.open()
}
