// Command sha2 is a server of MySQL's protocol with one account, which logs in by caching_sha2_password (the full way by
// RSA or TLS, and the fast one), sha256_password or mysql_native_password. It answers each statement with its text. It
// is no MySQL: what tests see of it is the handshake, by another hand than the gateway's.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/server"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:3306", "address, host:port")
	version := flag.String("version", "8.0.36", "what it says it is")
	plugin := flag.String("plugin", mysql.AUTH_CACHING_SHA2_PASSWORD, "how the account logs in")
	user := flag.String("user", "sha", "the account")
	password := flag.String("password", "", "its password")
	certificate := flag.String("certificate", "", "file that gets the server's certificate, in PEM")
	flag.Parse()
	if err := run(*listen, *version, *plugin, *user, *password, *certificate); err != nil {
		log.Fatal(err)
	}
}

func run(listen, version, plugin, user, password, certificate string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	der, err := selfSigned(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	conf := server.NewServer(version, mysql.DEFAULT_COLLATION_ID, plugin, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	accounts := server.NewInMemoryProvider()
	accounts.AddUser(user, password)
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go serve(conn, conf, accounts)
	}
}

// serve answers one connection until it ends.
func serve(conn net.Conn, conf *server.Server, accounts server.CredentialProvider) {
	defer conn.Close()
	c, err := server.NewCustomizedConn(conn, conf, accounts, echo{})
	if err != nil {
		log.Printf("login: %v", err)
		return
	}
	for c.HandleCommand() == nil {
	}
}

// echo answers a statement with its text.
type echo struct{ server.EmptyHandler }

func (echo) UseDB(string) error { return nil }

func (echo) HandleQuery(text string) (*mysql.Result, error) {
	rows, err := mysql.BuildSimpleTextResultset([]string{"statement"}, [][]any{{text}})
	return &mysql.Result{Resultset: rows}, err
}

func selfSigned(key *rsa.PrivateKey) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return der, nil
}
