package client_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/sallyport/sallyport/client"
)

// The page asks for a passkey when, and only when, the terminal does.
func TestThePageIsToldToAskForAPasskey(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	enough := errors.New("enough")
	for _, passkey := range []bool{false, true} {
		var about url.Values
		s := client.SignIn{Server: "http://127.0.0.1:1", Passkey: passkey}
		_, err := s.InBrowser(t.Context(), func(w client.Waiting) error {
			u, err := url.Parse(w.URL)
			if err != nil {
				return err
			}
			if about, err = url.ParseQuery(u.Fragment); err != nil {
				return err
			}
			return enough
		})
		if !errors.Is(err, enough) {
			t.Fatal(err)
		}
		if got := about.Get("mfa") == "1"; got != passkey || about.Get("challenge") == "" {
			t.Errorf("passkey %v: the page is told %v", passkey, about)
		}
	}
}
