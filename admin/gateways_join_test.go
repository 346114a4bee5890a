package admin_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
)

// lateBody is a body whose bytes exist only once it is read.
type lateBody struct {
	write func() []byte
	bytes *bytes.Reader
}

func (b *lateBody) Read(p []byte) (int, error) {
	if b.bytes == nil {
		b.bytes = bytes.NewReader(b.write())
	}
	return b.bytes.Read(p)
}

func renewal(t *testing.T) link.Renew {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return link.Renew{Request: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))}
}

// A machine that was admitted as a gateway renews nothing of the one that has taken its place since.
func TestRenewalIsOfWhoWasAdmitted(t *testing.T) {
	l := newLinkedPlane(t)
	old := l.join("gw-1")
	var next *gateway.Identity
	body := &lateBody{write: func() []byte { // the server asks for it once the caller is admitted
		l.must(l.root, "DELETE", "/gateways/gw-1", nil, 204)
		next = l.join("gw-1")
		text, err := json.Marshal(renewal(t))
		if err != nil {
			t.Error(err)
		}
		return text
	}}
	req, err := http.NewRequestWithContext(t.Context(), "POST", l.url+link.RenewPath, io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute, TLSClientConfig: &tls.Config{ServerName: link.ControlName,
		RootCAs: l.service.ClientCAs(), Certificates: []tls.Certificate{old.Certificate}}}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusConflict || strings.Contains(string(answer), "CERTIFICATE") {
		t.Errorf("%d %s, %v", res.StatusCode, answer, err)
	}
	_ = res.Body.Close()
	g, err := l.config.Store.Gateway(t.Context(), "gw-1")
	if err != nil || g.NextSerial != "" || g.Serial != next.Certificate.Leaf.SerialNumber.Text(16) {
		t.Errorf("kept %+v, %v", g, err)
	}
	events, _ := l.record.since(0)
	if last := events[len(events)-1]; last.Action != "gateways.renew" || last.Verdict != audit.Deny {
		t.Errorf("the record ends with %s, %s", last.Action, last.Verdict)
	}
}

// What was certified before does not count as soon as the gateway has joined anew: nobody has to look for that first.
func TestJoiningIsAChange(t *testing.T) {
	l := newLinkedPlaneWith(t, func(c *admin.Config) { c.AskEvery = time.Hour })
	before := l.joinToken("gw-1")
	unused := l.joinToken("gw-1")
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, before); err != nil {
		t.Fatal(err)
	}
	var g access.Gateway
	l.must(l.root, "GET", "/gateways/gw-1", nil, 200).decode(t, &g)
	if g.CertificatesValidFrom.IsZero() {
		t.Error("the rules do not say from when the certificates of the gateway count")
	}
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, unused); err == nil || !strings.Contains(err.Error(), "was used") {
		t.Errorf("another token, after the gateway has joined: %v", err)
	}

	removed := l.joinToken("gw-1")
	l.must(l.root, "DELETE", "/gateways/gw-1", nil, 204)
	l.must(l.root, "PUT", "/gateways/gw-1", object{"name": "gw-1", "tunnel": "gw-1.acme.com:7443"}, 201)
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, removed); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("a token of the gateway that had this name before: %v", err)
	}
}

func TestJoinTokensAreGoodOnce(t *testing.T) {
	l := newLinkedPlane(t)
	token := l.joinToken("gw-1")
	dir := t.TempDir()
	id, err := gateway.Join(t.Context(), dir, []string{l.url}, token)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := gateway.LoadIdentity(dir); err != nil || kept.Gateway != "gw-1" || !slices.Contains(kept.Certificate.Leaf.DNSNames, "gw-1.acme.com") {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, token); err == nil || !strings.Contains(err.Error(), "was used") {
		t.Errorf("used twice: %v", err)
	}
	if status, _ := l.ask(&id.Certificate, "POST", link.ReportPath, link.Report{}); status != http.StatusNoContent {
		t.Errorf("report of a gateway that joined: %d", status)
	}

	// A new token replaces the machine: what the old one had counts no more.
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, l.joinToken("gw-1")); err != nil {
		t.Fatal(err)
	}
	if status, answer := l.ask(&id.Certificate, "POST", link.ReportPath, link.Report{}); status != http.StatusForbidden || !strings.Contains(answer, "does not count") {
		t.Errorf("report of the machine that was replaced: %d %s", status, answer)
	}

	// A token of another authority: the gateway gives its secret to nobody.
	foreign := token
	foreign.Authority[0] ^= 1
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, foreign); err == nil || !strings.Contains(err.Error(), "not the control plane that the join token is from") {
		t.Errorf("another authority: %v", err)
	}
}
