package sealed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

// TestPassphraseAddedLater encrypts a clear key file in place, as docs/credentials.md says, with age's own format.
func TestPassphraseAddedLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials.age")
	put(t, open(t, Config{Path: path}), "app", creds.Secret{Password: marker})
	keyFile := filepath.Join(filepath.Dir(path), "sealed.key")
	clear, err := os.ReadFile(keyFile)
	must(t, err)
	encrypted, err := encryptKey(clear, Config{Passphrase: "later", scryptWork: 4})
	must(t, err)
	must(t, replaceFile(keyFile, encrypted))
	s := open(t, Config{Path: path, Passphrase: "later"})
	if got := fetch(t, s, access.Credential{Name: "app"}); got.Password != marker {
		t.Errorf("got %q", got.Password)
	}
}
