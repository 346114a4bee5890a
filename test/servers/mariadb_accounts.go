package servers

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// MariaDBAccount is an account to make.
type MariaDBAccount struct {
	Name     string
	Password string
	// Plugin is how it logs in: mysql_native_password when empty, or ed25519.
	Plugin string
	// Require is what it must show: nothing when empty, or SSL, X509 or SUBJECT '/CN=...'.
	Require string
	// Grant is what it may do: "ALL ON shop.*"; empty means nothing.
	Grant string
}

// Database makes an empty database.
func (m *MariaDB) Database(ctx context.Context, name string) error {
	_, err := m.Run(ctx, nil, "CREATE DATABASE `"+strings.ReplaceAll(name, "`", "``")+"`")
	return err
}

// Account makes an account that logs in from anywhere.
func (m *MariaDB) Account(ctx context.Context, a MariaDBAccount) error {
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	}
	who := quote(a.Name) + "@'%'"
	identified := " IDENTIFIED BY " + quote(a.Password)
	if a.Plugin != "" {
		identified = " IDENTIFIED VIA " + a.Plugin + " USING PASSWORD(" + quote(a.Password) + ")"
	}
	statements := "CREATE USER " + who + identified
	if a.Require != "" {
		statements += " REQUIRE " + a.Require
	}
	if a.Grant != "" {
		statements += ";\nGRANT " + a.Grant + " TO " + who
	}
	_, err := m.Run(ctx, nil, statements)
	return err
}

// writeCertificates makes an authority and the server's certificate.
func (m *MariaDB) writeCertificates(dir string) error {
	var err error
	if m.authority, err = newAuthority(); err != nil {
		return err
	}
	certificate, key, err := m.authority.issue("localhost", []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	m.CAFile = filepath.Join(dir, "ca.crt")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.authority.der})
	for name, content := range map[string][]byte{"ca.crt": ca, "server.crt": certificate, "server.key": key} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write certificate of MariaDB: %w", err)
		}
		if err := giveTo(mariaDBOwner(), path); err != nil {
			return err
		}
	}
	return nil
}

// ClientCertificate issues a client certificate and its key, in PEM, that the server accepts where an account
// requires X509, or this subject: /CN=name.
func (m *MariaDB) ClientCertificate(name string) (certificate, key []byte, err error) {
	if m.authority == nil {
		return nil, nil, errors.New("issue client certificate: the server runs without TLS")
	}
	return m.authority.issue(name, nil, nil)
}
