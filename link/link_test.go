package link_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/link"
)

func newSigner(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func TestOnlyWhatWasSignedOpens(t *testing.T) {
	public, private := newSigner(t)
	other, _ := newSigner(t)
	beat := link.Heartbeat{Gateway: "gw <1>", Issued: time.Unix(1, 0).UTC(), Generation: 3}
	signed, err := link.Sign(private, link.HeartbeatPurpose, beat)
	if err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(signed, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var again link.Signed
	if err := json.Unmarshal(indented, &again); err != nil {
		t.Fatal(err)
	}
	var got link.Heartbeat
	if err := again.Open(public, link.HeartbeatPurpose, &got); err != nil || got != beat {
		t.Errorf("%+v, %v", got, err)
	}
	changed := signed
	changed.Payload = bytes.Replace(signed.Payload, []byte(`"generation":3`), []byte(`"generation":4`), 1)
	for name, err := range map[string]error{
		"another key":     signed.Open(other, link.HeartbeatPurpose, &got),
		"another purpose": signed.Open(public, link.SnapshotPurpose, &got),
		"changed":         changed.Open(public, link.HeartbeatPurpose, &got),
		"no key":          signed.Open(nil, link.HeartbeatPurpose, &got),
		"no JSON":         link.Signed{Payload: []byte("{"), Signature: signed.Signature}.Open(public, link.HeartbeatPurpose, &got),
		"nothing":         link.Signed{}.Open(public, link.HeartbeatPurpose, &got),
	} {
		if !errors.Is(err, link.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJoinToken(t *testing.T) {
	token, err := link.NewJoinToken([]byte("authority"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := link.ParseJoinToken(" " + token.Text() + "\n")
	if err != nil || got != token || !got.Names([]byte("authority")) || got.Names([]byte("another")) {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []string{"", "sally-join-", token.SecretText(), token.Text()[1:], token.Text() + "A", token.Text()[:len(token.Text())-2]} {
		if _, err := link.ParseJoinToken(wrong); err == nil {
			t.Errorf("%q is taken for a token", wrong)
		} else if len(wrong) > 20 && strings.Contains(err.Error(), wrong[12:]) {
			t.Error("the error repeats the token")
		}
	}
}

func FuzzParseJoinToken(f *testing.F) {
	token, err := link.NewJoinToken([]byte("authority"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token.Text())
	f.Fuzz(func(t *testing.T, text string) {
		token, err := link.ParseJoinToken(text)
		if err == nil && token.Text() != strings.TrimSpace(text) {
			t.Errorf("%q is another way to write %q", text, token.Text())
		}
	})
}

func FuzzOpen(f *testing.F) {
	public, private := newSigner(f)
	signed, err := link.Sign(private, link.ReceiptPurpose, map[string]int{"a": 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(signed.Payload))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var got map[string]int
		s := link.Signed{Payload: payload, Signature: signed.Signature}
		if err := s.Open(public, link.ReceiptPurpose, &got); err == nil && got["a"] != 1 {
			t.Errorf("%q opens as %v", payload, got)
		}
	})
}
