package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/client"
)

// A page of another site's that the browser is led to must not bring the terminal a code of its own.
func TestTerminalTakesTheCodeOfItsOwnSignInAlone(t *testing.T) {
	c := startControlPlane(t)
	s := client.SignIn{Profile: "test", Server: c.URL, Trust: client.Trust{CA: c.tls.pem()}}
	strays := 0
	p, err := s.InBrowser(t.Context(), func(w client.Waiting) error {
		_, fragment, _ := strings.Cut(w.URL, "/sign-in/terminal#")
		about, err := url.ParseQuery(fragment)
		if err != nil || len(w.Code) != 9 || about.Get("challenge") == "" || about.Get("name") == "" {
			t.Errorf("told the browser %s, the person %s", w.URL, w.Code)
		}
		base := "http://127.0.0.1:" + about.Get("port")
		get := func(path, host string) int {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if host != "" {
				request.Host = host
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body)
			return response.StatusCode
		}
		own := "/callback?code=" + goodLink + "&state=" + about.Get("state")
		for _, stray := range [][2]string{{"/callback?code=evil&state=other"}, {"/callback?code=evil"}, {"/"}, {"/callback?state=" + about.Get("state")},
			{own, "evil.test:80"}} {
			if get(stray[0], stray[1]) == http.StatusBadRequest {
				strays++
			}
		}
		if status := get(own, ""); status != http.StatusOK {
			t.Errorf("its own: %d", status)
		}
		return nil
	})
	if err != nil || strays != 5 || p.Refresh == "" {
		t.Errorf("%d strays refused, want 5; %v", strays, err)
	}
}

func TestGitHubsTokenIsAskedForTheAudience(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cr3t" || r.URL.Query().Get("audience") != "sally port" || r.URL.Query().Get("api-version") != "2.0" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, map[string]string{"value": "a.b.c"})
	}))
	defer server.Close()
	token, err := client.GitHubToken(t.Context(), server.URL+"/?api-version=2.0", "s3cr3t", "sally port")
	if err != nil || token != "a.b.c" {
		t.Errorf("%q, %v", token, err)
	}
	_, err = client.GitHubToken(t.Context(), server.URL, "wr0ng", "x")
	if err == nil || strings.Contains(err.Error(), "wr0ng") || !strings.Contains(err.Error(), "id-token: write") {
		t.Errorf("refused: %v", err)
	}
	if _, err := client.GitHubToken(t.Context(), "http://ci.test/", "s3cr3t", "x"); err == nil {
		t.Error("the job's secret was sent in the clear")
	}
}
