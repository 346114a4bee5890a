package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// browserWait is how long a person may take in the browser.
const browserWait = 10 * time.Minute

// Waiting is a sign-in that goes on in a browser on this machine.
type Waiting struct {
	URL  string // to open there
	Code string // which the person compares with what the page shows
}

// InBrowser signs in by a browser on this machine, in whatever way the server offers there: it listens on loopback until
// the browser brings a code (RFC 8252), which is of no use to who does not know the secret that stays here (PKCE,
// RFC 7636). show is called once, when the URL is to be opened. It returns the profile without saving it.
func (s SignIn) InBrowser(ctx context.Context, show func(Waiting) error) (*Profile, error) {
	ctx, cancel := context.WithTimeout(ctx, browserWait)
	defer cancel()
	return s.with(func(api *API, p *Profile) error {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listen for the browser: %w", err)
		}
		verifier := newRefreshSecret()
		back := &browserReturn{state: newState(), code: make(chan string, 1)}
		server := &http.Server{Handler: back, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		defer func() {
			grace, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = server.Shutdown(grace) // lets the browser have its last page
			_ = server.Close()
			<-served
		}()
		if err := show(s.waitingFor(api, verifier, back.state, listener.Addr().(*net.TCPAddr).Port)); err != nil {
			return err
		}
		select {
		case code := <-back.code:
			return openSession(ctx, api, p, map[string]any{"code": code, "verifier": verifier})
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return errors.New("nobody signed in in the browser within 10 minutes; run again: sally login")
			}
			return ctx.Err()
		}
	})
}

func newState() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// waitingFor is what the browser is told, behind a # so that it is in no log on the way.
func (s SignIn) waitingFor(api *API, verifier, state string, port int) Waiting {
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	name, err := os.Hostname()
	if err != nil {
		name = "this machine"
	}
	about := url.Values{"challenge": {challenge}, "port": {strconv.Itoa(port)}, "state": {state}, "name": {name}}
	if s.Passkey {
		about.Set("mfa", "1")
	}
	return Waiting{URL: api.base.String() + "/sign-in/terminal#" + about.Encode(), Code: terminalCode(challenge)}
}

// terminalCode is what terminal and page show, made by both of the challenge alone; admin/signin_client.go has the same.
func terminalCode(challenge string) string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	sum := sha256.Sum256([]byte("sallyport terminal\x00" + challenge))
	var b strings.Builder
	for i, c := range sum[:8] {
		if i == 4 {
			b.WriteByte('-')
		}
		b.WriteByte(letters[int(c)%len(letters)])
	}
	return b.String()
}

// browserReturn takes the code that the browser brings, once.
type browserReturn struct {
	state string
	code  chan string
}

const (
	returnPage = `<!doctype html><meta charset="utf-8"><title>Sallyport</title>
<body style="font: 16px system-ui; max-width: 30em; margin: 15vh auto; padding: 0 1em">
<h1 style="font-size: 1.3em">The terminal is signed in</h1><p>You may close this page.</p>`
	strayPage = `<!doctype html><meta charset="utf-8"><title>Sallyport</title>
<body style="font: 16px system-ui; max-width: 30em; margin: 15vh auto; padding: 0 1em">
<h1 style="font-size: 1.3em">This is not the sign-in that your terminal waits for</h1><p>Run again: sally login</p>`
)

func (b *browserReturn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	q := r.URL.Query()
	// The Host keeps a foreign name that resolves to this machine from reading the answer.
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || host != "127.0.0.1" || r.Method != http.MethodGet || r.URL.Path != "/callback" ||
		subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.state)) != 1 || q.Get("code") == "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(strayPage))
		return
	}
	select {
	case b.code <- q.Get("code"):
	default: // it has come already
	}
	_, _ = w.Write([]byte(returnPage))
}

// OpenBrowser opens the address in the person's browser. An error says that they must do so themselves.
func OpenBrowser(ctx context.Context, address string) error {
	var cmd *exec.Cmd
	switch runtime.GOOS {
	case "windows":
		cmd = exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", address)
	case "darwin":
		cmd = exec.CommandContext(ctx, "open", address)
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return errors.New("this machine has no display")
		}
		cmd = exec.CommandContext(ctx, "xdg-open", address)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("open browser: %w", err)
	}
	return nil
}
