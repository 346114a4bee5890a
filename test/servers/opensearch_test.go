package servers

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOpenSearchKeepsItsDataOverARestart(t *testing.T) {
	s := StartOpenSearch(t)
	put := func(method, path, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	put(http.MethodPut, "/kept/_doc/1", `{"word":"door"}`)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := put(http.MethodGet, "/kept/_doc/1", ""); !strings.Contains(got, `"door"`) {
		t.Fatalf("after a restart the document is %s", got)
	}
}
