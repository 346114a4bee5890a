package admin

import "testing"

func TestPublicAddress(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "https://sally.acme.com": "sally.acme.com", "https://sally.acme.com/": "sally.acme.com", "https://sally.acme.com:443": "sally.acme.com",
		"http://localhost:80": "localhost", "https://sally.acme.com:8443": "sally.acme.com:8443",
	} {
		u, err := parseURL(text)
		if err != nil || (u == nil) != (want == "") || u != nil && u.Host != want {
			t.Errorf("%q: %v %v", text, u, err)
		}
	}
	for _, text := range []string{"sally.acme.com", "ftp://sally.acme.com", "https://", "https://sally.acme.com/ui", "https://sally.acme.com?x=1", "https://sally.acme.com#x", ":"} {
		if CheckURL(text) == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
