package vault

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/creds"
)

var (
	errMissing = errors.New("nothing stands at this path")
	errFields  = errors.New("the secret lacks the fields that are needed")
	errConfig  = errors.New("the credential is set up wrongly")
	errClosed  = errors.New("the source is closed")
)

// answer is an error that Vault answered with. Unlike the API client's, it is one line, and never holds a body
// that something else than Vault may have sent.
type answer struct {
	Code int
	Text []string
}

func (a *answer) Error() string {
	text := strings.Join(strings.Fields(strings.Join(a.Text, "; ")), " ")
	return fmt.Sprintf("vault answered %d: %s", a.Code, text)
}

// says reports whether Vault's words contain the text.
func (a *answer) says(text string) bool {
	return slices.ContainsFunc(a.Text, func(line string) bool { return strings.Contains(line, text) })
}

// ownLogin wraps errors of Sallyport's own login, which are not about the credential asked for.
type ownLogin struct{ err error }

func (o *ownLogin) Error() string { return "log in to vault: " + o.err.Error() }
func (o *ownLogin) Unwrap() error { return o.err }

// wrap names the operation in an error of the API client.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	var response *api.ResponseError
	if !errors.As(err, &response) {
		return fmt.Errorf("%s: %w", operation, err)
	}
	a := &answer{Code: response.StatusCode, Text: response.Errors}
	if response.RawError {
		a.Text = []string{"in a form that is not Vault's"}
	}
	return fmt.Errorf("%s: %w", operation, a)
}

// answered is Vault's answer in err, if Vault answered.
func answered(err error) (*answer, bool) {
	var a *answer
	ok := errors.As(err, &a)
	return a, ok
}

// tokenGone says whether Vault no longer knows the token of the request, as opposed to refusing what it asked.
func tokenGone(err error) bool {
	a, ok := answered(err)
	return ok && a.Code == http.StatusForbidden && (a.says("invalid token") || a.says("bad token"))
}

// leaseGone says whether Vault no longer knows the lease.
func leaseGone(err error) bool {
	a, ok := answered(err)
	return ok && (a.Code == http.StatusNotFound || a.says("lease not found") || a.says("lease is expired"))
}

// forbidden says whether Vault refused what the request asked.
func forbidden(err error) bool {
	a, ok := answered(err)
	return ok && a.Code == http.StatusForbidden
}

func sealed(err error) bool {
	a, ok := answered(err)
	return ok && a.Code == http.StatusServiceUnavailable && a.says("sealed")
}

// unavailable turns an error into what the person reads. Vault's own words and paths stay in Err, for the log.
func (s *Source) unavailable(name string, err error) error {
	reason, remedy := s.explain(err)
	return &creds.Unavailable{
		Credential: name, Err: err,
		Sentence: fmt.Sprintf("credential %s cannot be opened: %s; %s", name, reason, remedy),
	}
}

// explain says in words what is wrong, and what to do.
func (s *Source) explain(err error) (reason, remedy string) {
	var own *ownLogin
	var certificate *tls.CertificateVerificationError
	var network *url.Error
	a, isAnswer := answered(err)
	switch {
	case sealed(err):
		return "Vault is sealed", "ask an operator to unseal it"
	case errors.Is(err, errClosed):
		return "this gateway is shutting down", "connect again"
	case errors.Is(err, context.Canceled):
		return "the session ended before Vault answered", "connect again"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("Vault did not answer within %s", s.config.Timeout), "try again, and tell an operator if it stays so"
	case errors.As(err, &certificate):
		return "Vault's certificate is not trusted", "ask an operator to check ca_file and Vault's certificate"
	case !isAnswer && errors.As(err, &network):
		return "Vault cannot be reached", "try again, and tell an operator if it stays so"
	case isAnswer && a.Code >= http.StatusInternalServerError && errors.As(err, &own):
		return "Vault reports a fault of its own", "ask an operator to look at Vault's log"
	case errors.As(err, &own):
		return "Sallyport's own login to Vault does not work", "ask an operator to renew it"
	case forbidden(err):
		return "Vault's policy does not let Sallyport open it", "ask an operator to allow it in Vault"
	case errors.Is(err, errAddress):
		return "the server's address cannot be looked up", "ask an operator to check the resource's address"
	case isAnswer && (a.says("valid_principals") || a.says("allow any principals") || a.says("Username ")):
		return "Vault's role does not let Sallyport log in as this account", "ask an operator to add it to the role's allowed_users"
	case isAnswer && a.says("IP does not belong"):
		return "Vault's role does not cover the server's address", "ask an operator to add it to the role's cidr_list"
	case isAnswer && a.Code == http.StatusBadRequest && a.says("allowed"):
		return "Vault's role does not allow what is asked of it", "ask an operator to check its settings"
	case errors.Is(err, errMissing), isAnswer && (a.Code == http.StatusNotFound || a.says("unknown role") || a.says("Unknown role") ||
		a.Code == http.StatusBadRequest && a.says("not found")):
		return "Vault has nothing at its path", "ask an operator to check the credential's mount and path"
	case errors.Is(err, errFields):
		return "the secret in Vault lacks the fields that are needed", "ask an operator to set username and password there"
	case errors.Is(err, errConfig):
		return "it is set up wrongly", "ask an operator to check the credential's engine and path"
	}
	return "Vault reports a fault", "ask an operator to look at Vault's log and its access to the store"
}
