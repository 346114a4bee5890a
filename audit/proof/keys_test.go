package proof

import "testing"

func newTestKey(t testing.TB) (private, public string, pair keyPair) {
	t.Helper()
	pair, err := newKeyPair("sallyport/gw-1")
	if err != nil {
		t.Fatal(err)
	}
	return pair.Private, pair.Public, pair
}

func TestOrigin(t *testing.T) {
	for gateway, want := range map[string]string{
		"gw-1": "sallyport/gw-1", "": "sallyport/gateway", "a b+c\n": "sallyport/a-b-c-", "zürich": "sallyport/zürich",
	} {
		if got := originOf(gateway); got != want {
			t.Errorf("%q: %q, want %q", gateway, got, want)
		}
		if _, err := newKeyPair(originOf(gateway)); err != nil {
			t.Errorf("%q: %v", gateway, err)
		}
	}
}
