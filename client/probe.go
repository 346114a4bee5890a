package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// Host is the server's host, which gateways without one of their own are at.
func (p *Profile) Host() string {
	u, err := url.Parse(p.Server)
	if err != nil {
		return "" // it was checked when it was signed in at
	}
	return u.Hostname()
}

// Probe asks whether the server can be reached at all and gives its clock's time, to the second. Errors are *Trouble.
func (p *Profile) Probe(ctx context.Context) (time.Time, error) {
	api, err := newAPI(p.Server, Trust{CA: p.ServerCA})
	if err != nil {
		return time.Time{}, &Trouble{Sentence: err.Error(), Err: err}
	}
	defer api.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, api.base.String()+"/", nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("make request: %w", err)
	}
	response, err := api.http.Do(request)
	if err != nil {
		return time.Time{}, explainServer(withoutURL(err), api.base)
	}
	defer func() { _ = response.Body.Close() }()
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, &Trouble{
			Sentence: fmt.Sprintf("what answers at %s does not say the time as a Sallyport server does; is the address right?", api.base), Err: err,
		}
	}
	return at, nil
}

// explainServer puts into words why the server at base cannot be reached.
func explainServer(err error, base *url.URL) *Trouble {
	sentence := fmt.Sprintf("%s cannot be reached: %v", base, err)
	dns, unknownName := errors.AsType[*net.DNSError](err)
	invalid, dated := errors.AsType[x509.CertificateInvalidError](err)
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
	mismatch, otherName := errors.AsType[x509.HostnameError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case unknownName:
		sentence = fmt.Sprintf("the name %s cannot be resolved (%s): are you on the right network?", base.Hostname(), dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		sentence = fmt.Sprintf("nothing listens at %s: the server is down or a firewall refuses", base.Host)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isNet && timeout.Timeout():
		sentence = fmt.Sprintf("%s did not answer in time: are you on the right network?", base.Host)
	case untrusted:
		sentence = fmt.Sprintf("the certificate of %s is from an authority that this machine does not trust; sign in again with "+
			"--ca or --ca-sha256, and ask your admin for that", base.Host)
	case dated && invalid.Reason == x509.Expired:
		sentence = fmt.Sprintf("the certificate of %s is good from %s until %s, and this machine's clock says %s: one of them is wrong",
			base.Host, day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), day(time.Now()))
	case otherName:
		sentence = fmt.Sprintf("the certificate that answers at %s is for another name (%v); is the address right?", base.Host, mismatch.Certificate.DNSNames)
	}
	return &Trouble{Sentence: sentence, Err: err}
}

func day(t time.Time) string { return t.Local().Format(time.DateTime) }
