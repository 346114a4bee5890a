package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/test/servers"
)

const testPassword = "correct horse"

// unicodePasswords are passwords that SASLprep changes, prohibits or leaves alone.
var unicodePasswords = []string{
	"pässwörd", "I\u00adX", "\u2168", "a\u200bb", "a\u00a0b", "\u00aa", "e\u0301", "\u0627\u0031", "\u0627a", "\u0221",
	"\u0007é", "\u00ad", "\U0001f600", "中文 密码", "\u1806x", "ﬀ", "a\u034f\u180b\u200c\u2060\ufe00\ufeffb", "\u200b", "\u1806",
}

// startStore starts a server that asks each user for something else.
func startStore(t *testing.T) *servers.Postgres {
	t.Helper()
	methods := map[string]string{
		"u_trust": "trust", "u_md5": "md5", "u_scram": "scram-sha-256", "u_clear": "password", "u_old_md5": "md5",
	}
	hba := []string{"local all u_scram scram-sha-256", "local all u_clear password"}
	for user, method := range methods {
		hba = append(hba, fmt.Sprintf("host all %s 127.0.0.0/8 %s", user, method))
	}
	hba = append(hba, "hostssl all u_cert 127.0.0.0/8 cert", "hostnossl all u_plain 127.0.0.0/8 scram-sha-256",
		"hostssl all u_tls 127.0.0.0/8 scram-sha-256", "host all +passwords 127.0.0.0/8 scram-sha-256",
		"host all v-gone 127.0.0.0/8 scram-sha-256")
	pg := servers.StartPostgres(t, servers.PostgresOptions{
		TLS: true, HBA: hba, Config: map[string]string{"listen_addresses": "127.0.0.1,127.0.0.2"},
	})
	admin, err := pgx.Connect(t.Context(), pg.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, user := range []string{"u_trust", "u_md5", "u_scram", "u_clear", "u_cert", "u_plain", "u_tls"} {
		exec(fmt.Sprintf("create role %s login password '%s'", user, testPassword))
	}
	exec("set password_encryption = md5")
	exec(fmt.Sprintf("create role u_old_md5 login password '%s'", testPassword))
	exec("set password_encryption = 'scram-sha-256'")
	exec("create role passwords")
	for i, password := range unicodePasswords {
		exec(fmt.Sprintf("create role p%d login password '%s' in role passwords", i, password))
	}
	return pg
}

func resourceOf(t *testing.T, pg *servers.Postgres, mode access.SSLMode) access.Resource {
	t.Helper()
	ca, err := os.ReadFile(pg.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	return access.Resource{Name: "orders", Address: pg.Addr(), Database: "postgres", SSLMode: mode, CA: string(ca)}
}

func secretOf(user string) creds.Secret { return creds.Secret{Username: user, Password: testPassword} }

// ask runs one query over the connection and gives the first column of its rows.
func ask(t *testing.T, c *storeConn, sql string) []string {
	t.Helper()
	frontend := pgproto3.NewFrontend(c.conn, c.conn)
	frontend.Send(&pgproto3.Query{String: sql})
	if err := frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for {
		message, err := frontend.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch message := message.(type) {
		case *pgproto3.DataRow:
			rows = append(rows, string(message.Values[0]))
		case *pgproto3.ErrorResponse:
			t.Fatalf("%s: %s", sql, message.Message)
		case *pgproto3.ReadyForQuery:
			return rows
		}
	}
}

func mustDial(t *testing.T, store access.Resource, secret creds.Secret, startup map[string]string, cache *scramCache) *storeConn {
	t.Helper()
	c, err := dialStore(t.Context(), store, secret, startup, cache)
	if err != nil {
		t.Fatalf("dial as %s: %v", secret.Username, err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	return c
}

func TestDialStoreWithRealServer(t *testing.T) {
	pg := startStore(t)
	t.Run("methods", func(t *testing.T) { testMethods(t, pg) })
	t.Run("modes", func(t *testing.T) { testModes(t, pg) })
	t.Run("unix socket", func(t *testing.T) { testUnixSocket(t, pg) })
	t.Run("client certificate", func(t *testing.T) { testClientCertificate(t, pg) })
	t.Run("startup", func(t *testing.T) { testStartup(t, pg) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, pg) })
	t.Run("channel binding", func(t *testing.T) { testChannelBinding(t, pg) })
	t.Run("passwords", func(t *testing.T) { testPasswords(t, pg) })
	t.Run("cancel", func(t *testing.T) { testCancel(t, pg) })
}

func testMethods(t *testing.T, pg *servers.Postgres) {
	for _, mode := range []access.SSLMode{access.SSLDisable, access.SSLVerifyFull} {
		for _, user := range []string{"u_trust", "u_md5", "u_old_md5", "u_scram", "u_clear"} {
			t.Run(fmt.Sprintf("%s %s", user, mode), func(t *testing.T) {
				cache := newSCRAMCache()
				for range 2 { // the second time from the cache
					c := mustDial(t, resourceOf(t, pg, mode), secretOf(user), nil, cache)
					if got := ask(t, c, "select current_user"); len(got) != 1 || got[0] != user {
						t.Errorf("logged in as %v", got)
					}
				}
			})
		}
	}
}

func testModes(t *testing.T, pg *servers.Postgres) {
	stranger := servers.StartPostgres(t, servers.PostgresOptions{TLS: true})
	own := resourceOf(t, pg, "").CA
	other := resourceOf(t, stranger, "").CA
	_, port, _ := net.SplitHostPort(pg.Addr())
	wrongName := net.JoinHostPort("127.0.0.2", port)
	for _, c := range []struct {
		mode    access.SSLMode
		user    string
		ca      string
		address string
		ssl     string // "true", "false", or the sentence of the error
	}{
		{access.SSLDisable, "u_scram", own, pg.Addr(), "false"},
		{access.SSLPrefer, "u_scram", "", pg.Addr(), "true"},
		{access.SSLPrefer, "u_scram", other, pg.Addr(), "true"},
		{access.SSLPrefer, "u_plain", "", pg.Addr(), "false"},
		{access.SSLRequire, "u_scram", "", pg.Addr(), "true"},
		{access.SSLRequire, "u_scram", "", wrongName, "true"},
		{access.SSLRequire, "u_scram", own, wrongName, "true"},
		{access.SSLRequire, "u_scram", other, pg.Addr(), "could not be verified"},
		{access.SSLRequire, "u_plain", "", pg.Addr(), "no pg_hba.conf entry"},
		{access.SSLDisable, "u_tls", "", pg.Addr(), "no pg_hba.conf entry"},
		{access.SSLVerifyCA, "u_scram", own, pg.Addr(), "true"},
		{access.SSLVerifyCA, "u_scram", own, wrongName, "true"},
		{access.SSLVerifyCA, "u_scram", other, pg.Addr(), "could not be verified"},
		{access.SSLVerifyCA, "u_scram", "", pg.Addr(), "could not be verified"},
		{access.SSLVerifyFull, "u_scram", own, pg.Addr(), "true"},
		{access.SSLVerifyFull, "u_scram", own, "localhost:" + port, "true"},
		{access.SSLVerifyFull, "u_scram", own, wrongName, "could not be verified"},
		{access.SSLVerifyFull, "u_scram", other, pg.Addr(), "could not be verified"},
		{access.SSLVerifyFull, "u_scram", "", pg.Addr(), "could not be verified"},
		{"", "u_scram", own, pg.Addr(), "true"},
		{"", "u_scram", own, wrongName, "could not be verified"},
		{"allow", "u_scram", own, pg.Addr(), "ssl_mode is unknown"},
		{access.SSLVerifyCA, "u_scram", "not PEM", pg.Addr(), "ca cannot be read"},
	} {
		t.Run(fmt.Sprintf("%s %s %s", c.mode, c.user, c.ssl), func(t *testing.T) {
			store := access.Resource{Name: "orders", Address: c.address, Database: "postgres", SSLMode: c.mode, CA: c.ca}
			conn, err := dialStore(t.Context(), store, secretOf(c.user), nil, newSCRAMCache())
			if err != nil {
				if !strings.Contains(err.Error(), c.ssl) {
					t.Errorf("error %q, want %q", err, c.ssl)
				}
				return
			}
			defer conn.conn.Close()
			got := ask(t, conn, "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()")
			if len(got) != 1 || got[0] != c.ssl {
				t.Errorf("ssl = %v, want %s", got, c.ssl)
			}
		})
	}
	t.Run("server without TLS", func(t *testing.T) {
		plain := servers.StartPostgres(t, servers.PostgresOptions{})
		secret := creds.Secret{Username: plain.User, Password: plain.Password}
		store := access.Resource{Name: "orders", Address: plain.Addr(), SSLMode: access.SSLPrefer}
		mustDial(t, store, secret, nil, nil)
		store.SSLMode = access.SSLRequire
		_, err := dialStore(t.Context(), store, secret, nil, nil)
		if err == nil || !strings.Contains(proxy.Explain(err), "does not offer TLS") {
			t.Errorf("error %v", err)
		}
	})
}

func testUnixSocket(t *testing.T, pg *servers.Postgres) {
	socket := fmt.Sprintf("%s/.s.PGSQL.%d", pg.SocketDir, pg.Port)
	for _, user := range []string{"u_scram", "u_clear"} {
		c := mustDial(t, access.Resource{Address: socket, Database: "postgres"}, secretOf(user), nil, nil)
		if got := ask(t, c, "select current_user"); got[0] != user {
			t.Errorf("logged in as %v", got)
		}
	}
	if _, address := storeAddress(access.Resource{Address: "/run/postgresql"}); address != "/run/postgresql/.s.PGSQL.5432" {
		t.Errorf("socket of a directory: %s", address)
	}
}

func testClientCertificate(t *testing.T, pg *servers.Postgres) {
	certificate, key, err := pg.ClientCertificate("u_cert")
	if err != nil {
		t.Fatal(err)
	}
	store := resourceOf(t, pg, access.SSLVerifyFull)
	secret := creds.Secret{Username: "u_cert", Certificate: certificate, Key: key}
	c := mustDial(t, store, secret, nil, nil)
	if got := ask(t, c, "select current_user"); got[0] != "u_cert" {
		t.Errorf("logged in as %v", got)
	}
	if _, err := dialStore(t.Context(), store, creds.Secret{Username: "u_cert"}, nil, nil); sqlState(err) != "28000" {
		t.Errorf("without certificate: %v", err)
	}
	secret.Key = []byte("garbage")
	_, err = dialStore(t.Context(), store, secret, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "certificate and key cannot be used") {
		t.Errorf("with a broken key: %v", err)
	}
}

func testStartup(t *testing.T, pg *servers.Postgres) {
	startup := map[string]string{
		"user": "someone", "application_name": "tea time", "options": "-c work_mem=3MB", "_pq_.odd": "1", "DateStyle": "SQL, DMY",
	}
	c := mustDial(t, resourceOf(t, pg, access.SSLVerifyFull), secretOf("u_scram"), startup, nil)
	got := ask(t, c, "select current_setting('application_name') || '|' || current_setting('work_mem') || '|' || "+
		"current_setting('DateStyle') || '|' || current_user || '|' || current_database() || '|' || pg_backend_pid()")
	want := fmt.Sprintf("tea time|3MB|SQL, DMY|u_scram|postgres|%d", c.pid)
	if got[0] != want {
		t.Errorf("session %q, want %q", got[0], want)
	}
	if c.txStatus != 'I' || len(c.secretKey) != 4 || len(c.buffered) != 0 {
		t.Errorf("status %q, key of %d bytes, %d bytes buffered", c.txStatus, len(c.secretKey), len(c.buffered))
	}
	values := map[string]string{}
	for _, p := range c.parameters {
		values[p.name] = p.value
	}
	if values["application_name"] != "tea time" || values["server_version"] == "" || values["session_authorization"] != "u_scram" {
		t.Errorf("parameters %v", values)
	}
}

func testRefusals(t *testing.T, pg *servers.Postgres) {
	for _, c := range []struct {
		name    string
		secret  creds.Secret
		startup map[string]string
		code    string
		refused bool // the credential
	}{
		{"wrong password by scram", creds.Secret{Username: "u_scram", Password: "no"}, nil, "28P01", true},
		{"wrong password by md5", creds.Secret{Username: "u_old_md5", Password: "no"}, nil, "28P01", true},
		{"wrong password in the clear", creds.Secret{Username: "u_clear", Password: "no"}, nil, "28P01", true},
		{"dropped user", creds.Secret{Username: "v-gone", Password: "no"}, nil, "28P01", true},
		{"unknown database", secretOf("u_scram"), map[string]string{"database": "nope"}, "3D000", false},
		{"unknown parameter", secretOf("u_scram"), map[string]string{"nonsense": "1"}, "42704", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := dialStore(t.Context(), resourceOf(t, pg, access.SSLVerifyFull), c.secret, c.startup, newSCRAMCache())
			var refusal *serverError
			if !errors.As(err, &refusal) {
				t.Fatalf("error %v, want the server's", err)
			}
			if refusal.Code != c.code || sqlState(err) != c.code {
				t.Errorf("code %s, state %s, want %s", refusal.Code, sqlState(err), c.code)
			}
			if got := errors.Is(err, proxy.ErrCredentialRefused); got != c.refused {
				t.Errorf("credential refused: %v, want %v", got, c.refused)
			}
			var message pgproto3.ErrorResponse
			if err := message.Decode(refusal.raw[5:]); err != nil || message.Message != refusal.Message || message.Routine == "" {
				t.Errorf("raw message %q: %v", refusal.raw, err)
			}
		})
	}
	for sentence, secret := range map[string]creds.Secret{
		"holds none":    {Username: "u_scram"},
		"names no user": {Password: testPassword},
		"zero byte":     {Username: "u_scram\x00database\x00x", Password: testPassword},
		"password holds a zero byte": {
			Username: "u_clear", Password: "a\x00b",
		},
	} {
		_, err := dialStore(t.Context(), resourceOf(t, pg, access.SSLVerifyFull), secret, nil, nil)
		if err == nil || !strings.Contains(proxy.Explain(err), sentence) {
			t.Errorf("error %v, want %q", err, sentence)
		}
	}
}

// testChannelBinding shows that -PLUS is used, and that the server checks what the client is bound to.
func testChannelBinding(t *testing.T, pg *servers.Postgres) {
	login := func(tamper func(*handshake)) (*handshake, error) {
		store := resourceOf(t, pg, access.SSLVerifyFull)
		message, err := startupMessage(store, secretOf("u_scram"), nil)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := reach(t.Context(), store, secretOf("u_scram"), access.SSLVerifyFull)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		h := newHandshake(conn, secretOf("u_scram"), nil)
		tamper(h)
		return h, h.run(message)
	}
	h, err := login(func(*handshake) {})
	if err != nil || h.scram.mechanism != scramSHA256Plus || !h.scram.verified {
		t.Fatalf("login with %s: %v", h.scram.mechanism, err)
	}
	if _, err := login(func(h *handshake) { h.binding.data[0] ^= 1 }); err == nil ||
		!strings.Contains(err.Error(), "channel binding check failed") {
		t.Errorf("bound to another channel: %v", err)
	}
	h, err = login(func(h *handshake) { h.binding.data = nil })
	if err != nil || h.scram.mechanism != scramSHA256 || h.scram.gs2Header != "n,," {
		t.Errorf("certificate without a hash: %v", err)
	}
}

// testPasswords has the real server as the oracle of SASLprep.
func testPasswords(t *testing.T, pg *servers.Postgres) {
	for i, password := range unicodePasswords {
		secret := creds.Secret{Username: fmt.Sprintf("p%d", i), Password: password}
		c, err := dialStore(t.Context(), resourceOf(t, pg, access.SSLDisable), secret, nil, nil)
		if err != nil {
			t.Errorf("password %+q: %v", password, err)
			continue
		}
		_ = c.conn.Close()
	}
}

func testCancel(t *testing.T, pg *servers.Postgres) {
	for _, mode := range []access.SSLMode{access.SSLDisable, access.SSLPrefer, access.SSLVerifyFull} {
		store := resourceOf(t, pg, mode)
		c := mustDial(t, store, secretOf("u_scram"), nil, nil)
		frontend := pgproto3.NewFrontend(c.conn, c.conn)
		frontend.Send(&pgproto3.Query{String: "do $$ begin raise notice 'begun'; perform pg_sleep(60); end $$"})
		if err := frontend.Flush(); err != nil {
			t.Fatal(err)
		}
		if message, err := frontend.Receive(); err != nil { // the notice is sent at once
			t.Fatal(message, err)
		}
		if err := sendCancel(t.Context(), store, secretOf("u_scram"), c.pid, c.secretKey); err != nil {
			t.Fatalf("cancel with %s: %v", mode, err)
		}
		for {
			message, err := frontend.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := message.(*pgproto3.ErrorResponse); ok {
				if e.Code != "57014" {
					t.Errorf("code %s", e.Code)
				}
				break
			}
		}
	}
	store := resourceOf(t, pg, access.SSLVerifyFull)
	store.Address = "127.0.0.1:1"
	if err := sendCancel(t.Context(), store, secretOf("u_scram"), 1, []byte("abcd")); sqlState(err) != "08001" {
		t.Errorf("cancel at a closed port: %v", err)
	}
}
