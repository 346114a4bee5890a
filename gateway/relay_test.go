package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

// certificateOf is what a gateway's certificate says, issued then.
func certificateOf(gateway string, issued time.Time) *x509.Certificate {
	c := &x509.Certificate{SerialNumber: new(big.Int).Lsh(big.NewInt(issued.UnixMicro()), 64)}
	if gateway != "" {
		c.URIs = []*url.URL{{Scheme: "sallyport", Host: "gateway", Path: "/" + gateway}}
	}
	return c
}

func TestRelayIsTheOneOfTheRules(t *testing.T) {
	replaced := time.Now()
	for _, tt := range []struct {
		name     string
		cert     *x509.Certificate
		enrolled bool
		trusted  bool
	}{
		{"the relay", certificateOf("edge", replaced.Add(time.Hour)), true, true},
		{"its certificate from before it was replaced", certificateOf("edge", replaced.Add(-time.Hour)), true, false},
		{"another gateway", certificateOf("gw-2", replaced.Add(time.Hour)), true, false},
		{"no gateway", certificateOf("", replaced.Add(time.Hour)), true, false},
		{"the control plane's own", certificateOf("", replaced.Add(time.Hour)), false, true},
		{"a gateway in place of the control plane's own", certificateOf("edge", replaced.Add(time.Hour)), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := access.Gateway{}
			if tt.enrolled {
				rules.CertificatesValidFrom = replaced
			}
			config := (&Identity{}).relayConfig("edge", rules, tt.enrolled)
			err := config.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.cert}})
			if (err == nil) != tt.trusted {
				t.Error(err)
			}
		})
	}
}
