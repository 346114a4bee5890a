package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/doctor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is signed in at a server that answers, with a gateway that does not.
type patient struct {
	store   *client.Store
	profile *client.Profile
	now     time.Duration // how far this machine's clock is off
	port    int           // of orders-db
	unwell  bool          // the server says of itself that it is
	nodes   []client.Node // of orders-db
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{store: client.NewStore(t.TempDir()), port: freePort(t)}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer sally_1_good" && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": "the token has ended"})
			return
		}
		if p.unwell && r.URL.Path == "/api/v1/health" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": "the server is not well"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []client.Resource{{Name: "orders-db"}}})
	}))
	t.Cleanup(server.Close)
	certificate, key := pair(t)
	p.profile = &client.Profile{
		Name: "test", Server: server.URL, User: "alice", Token: "sally_1_good", Certificate: certificate, Key: key, CA: certificate,
		ServerCA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		Expires:  time.Now().Add(time.Hour), Tunnel: "127.0.0.1:1",
	}
	return p
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", raw)
}

// examine gives the findings as lines, "verdict check: finding".
func (p *patient) examine(t *testing.T) string {
	t.Helper()
	if p.profile != nil {
		if err := p.store.Save(p.profile); err != nil {
			t.Fatal(err)
		}
		if err := p.store.KeepResources("test", []client.Resource{{Name: "orders-db", Protocol: "postgres", Port: p.port, Nodes: p.nodes}}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	var out strings.Builder
	for _, f := range (doctor.Patient{Store: p.store, Version: "v1", Now: func() time.Time { return time.Now().Add(p.now) }}).Examine(t.Context()) {
		out.WriteString(string(f.Verdict) + " " + f.Check + ": " + f.Finding + "\n")
		if f.Verdict == doctor.Wrong && f.Do == "" {
			t.Errorf("%s: nothing is said to do", f.Check)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	return out.String()
}

func TestDoctorSaysWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*testing.T, *patient)
		want  string
	}{
		"nothing":       {func(*testing.T, *patient) {}, "right sign-in: the server knows you, and you may open 1 resource\n"},
		"not signed in": {func(_ *testing.T, p *patient) { p.profile = nil }, "wrong profile: you are not signed in on this machine\n"},
		"server down":   {func(_ *testing.T, p *patient) { p.profile.Server = "https://127.0.0.1:1" }, "wrong server: nothing listens at 127.0.0.1:1: the server is down"},
		"no such name":  {func(_ *testing.T, p *patient) { p.profile.Server = "https://sally.invalid" }, "wrong server: the name sally.invalid cannot be resolved"},
		"untrusted":     {func(_ *testing.T, p *patient) { p.profile.ServerCA = p.profile.CA }, "is from an authority that this machine does not trust"},
		"another name": {func(_ *testing.T, p *patient) {
			p.profile.Server = strings.Replace(p.profile.Server, "127.0.0.1", "localhost", 1)
		}, "is for another name"},
		"server unwell":       {func(_ *testing.T, p *patient) { p.unwell = true }, "wrong health: the server says that it is not well"},
		"clock behind":        {func(_ *testing.T, p *patient) { p.now = -time.Hour }, "wrong clock: the clock of this machine is about 1h0m0s behind the server's"},
		"clock ahead":         {func(_ *testing.T, p *patient) { p.now = 10 * time.Minute }, "wrong clock: the clock of this machine is about 10m0s ahead of the server's"},
		"signed out there":    {func(_ *testing.T, p *patient) { p.profile.Token = "sally_1_old" }, "wrong sign-in: the server does not let you in: the token has ended\n"},
		"certificate ended":   {func(_ *testing.T, p *patient) { p.profile.Expires = time.Now().Add(-time.Hour) }, "wrong certificate: your certificate ended at "},
		"certificate ending":  {func(_ *testing.T, p *patient) { p.profile.Expires = time.Now().Add(5 * time.Minute) }, "note certificate: your certificate ends in 5m0s\n"},
		"gateway down":        {func(*testing.T, *patient) {}, "wrong gateway: nothing listens at 127.0.0.1:1: the gateway is down or a firewall refuses\n"},
		"no agent":            {func(*testing.T, *patient) {}, "note agent: the agent does not run"},
		"port taken":          {takePort, "is taken by doctor.test (process "},
		"node's port taken":   {takeNodePort, "note port: clients of orders-db do not reach its node n1, whose port must be "},
		"node without a port": {func(_ *testing.T, p *patient) { p.nodes = []client.Node{{Name: "n1"}} }, "the server has no local port left for it\n"},
		"port taken, in full": {takePort, "note port: the port of orders-db, "},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t)
			test.spoil(t, p)
			if got := p.examine(t); !strings.Contains(got, test.want) {
				t.Errorf("want %q in:\n%s", test.want, got)
			}
		})
	}
}

func takePort(t *testing.T, p *patient) {
	t.Helper()
	p.port = takenPort(t)
}

func takeNodePort(t *testing.T, p *patient) {
	t.Helper()
	p.nodes = []client.Node{{Name: "n1", Port: takenPort(t)}}
}

// takenPort is listened on until the test ends.
func takenPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}
