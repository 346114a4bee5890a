package admin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// AccessRequests configures what is told of access requests, and to whom.
type AccessRequests struct {
	// URL is the web UI's address as people reach it, such as https://sally.acme.com: notices link there. Empty: Config's;
	// without one they name the command instead.
	URL      string    `yaml:"-"`
	Webhooks []Webhook `yaml:"webhooks"`
}

// Webhook is where notices of access requests are posted, in the form that Slack takes.
type Webhook struct {
	// URL is often a secret by itself, as Slack's are. URLFile names a file with it, instead.
	URL     string `yaml:"url"`
	URLFile string `yaml:"url_file"`
	// SecretFile holds the key, at least 16 bytes, by which notices are signed; empty: they are not.
	SecretFile string `yaml:"secret_file"`
	// AllowPrivate lets the notice go to addresses of private networks (RFC 1918, RFC 4193, RFC 6598), AllowLoopback to this
	// machine itself, there without TLS too. Link-local addresses, where clouds keep their metadata, are never allowed.
	AllowPrivate  bool `yaml:"allow_private"`
	AllowLoopback bool `yaml:"allow_loopback"`
}

// Validate says what is wrong with the configuration, and where. It reads no files.
func (c *AccessRequests) Validate() error {
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("url: %q is no address of a web page; write it like https://sally.acme.com", c.URL)
		}
	}
	for i := range c.Webhooks {
		if err := c.Webhooks[i].validate(); err != nil {
			return fmt.Errorf("webhooks[%d].%w", i, err)
		}
	}
	return nil
}

func (w *Webhook) validate() error {
	if (w.URL == "") == (w.URLFile == "") {
		return errors.New("url: give either url or url_file")
	}
	if w.URL == "" {
		return nil
	}
	_, err := w.target(w.URL)
	return err
}

// target checks the address. Errors never hold it, because it may be a secret.
func (w *Webhook) target(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("url: this is no address of a webhook; it looks like https://hooks.example.com/services/abc")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !w.AllowLoopback || !isLoopbackName(u.Hostname())) {
		return nil, errors.New("url: a webhook's address begins with https://; http:// is for this machine itself, with allow_loopback")
	}
	return u, nil
}

func isLoopbackName(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

var (
	// privateNetworks are those that allow_private opens; foreignNetworks embed or stand for other addresses, or lead
	// nowhere, and are never dialled. Sources: the IANA special-purpose address registries.
	privateNetworks = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
	foreignNetworks = prefixes("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
		"fd00:ec2::/32") // the last is where a cloud keeps its metadata
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

func within(addr netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// errAddress says that a webhook's name stands for an address that notices do not go to. It is not tried again.
var errAddress = errors.New("the webhook's name stands for an address that is not allowed")

// admits says whether a notice may go to the address.
func (w *Webhook) admits(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	switch {
	case addr.IsLoopback():
		if w.AllowLoopback {
			return nil
		}
		return fmt.Errorf("%w: %s is this machine itself (allow_loopback)", errAddress, addr)
	case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLinkLocalUnicast(), within(addr, foreignNetworks):
		return fmt.Errorf("%w: %s", errAddress, addr)
	case within(addr, privateNetworks) && !w.AllowPrivate:
		return fmt.Errorf("%w: %s is in a private network (allow_private)", errAddress, addr)
	}
	return nil
}

// guard is a dialer's Control. It sees the very address that is about to be dialled, so a name that resolves otherwise
// the second time gains nothing.
func (w *Webhook) guard(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errAddress, err)
	}
	return w.admits(at.Addr())
}

// client goes straight to the webhook: by no proxy, which would resolve names on its own, and after no redirect.
func (w *Webhook) client() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: w.guard}
	return &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const (
	// outboxSize bounds the notices that wait for one webhook. They are in memory: a restart loses them.
	outboxSize = 256
	// deliveryTries and the pauses between them, doubled from the first up to the longest, bound how long a notice is
	// tried: about four minutes.
	deliveryTries = 9
	firstPause    = time.Second
	longestPause  = time.Minute
	minSecret     = 16
	maxSecretFile = 4 << 10
)

// outbox posts notices to one webhook, in order.
type outbox struct {
	hook   Webhook
	target *url.URL
	secret []byte
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	pause  time.Duration // before the second try
	queue  chan []byte
}

// notices posts to all webhooks. It is safe for concurrent use.
type notices struct {
	url     string // of the web UI; empty: not known
	boxes   []*outbox
	stop    context.CancelFunc
	running sync.WaitGroup
}

// startNotices reads the webhooks' files and begins to post.
func startNotices(c AccessRequests, log *slog.Logger, now func() time.Time) (*notices, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("access_requests.%w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &notices{url: strings.TrimSuffix(c.URL, "/"), stop: cancel}
	for i, hook := range c.Webhooks {
		box, err := openOutbox(hook, log, now)
		if err != nil {
			cancel()
			return nil, fmt.Errorf("access_requests.webhooks[%d].%w", i, err)
		}
		n.boxes = append(n.boxes, box)
	}
	for _, box := range n.boxes {
		n.running.Go(func() { box.run(ctx) })
	}
	return n, nil
}

// close stops posting; what waits is lost.
func (n *notices) close() {
	n.stop()
	n.running.Wait()
}

// post puts the notice into every outbox; one that is full drops it, and says so in the log.
func (n *notices) post(body []byte) {
	for _, box := range n.boxes {
		select {
		case box.queue <- body:
		default:
			box.log.Error("notice of an access request dropped: too many wait for the webhook")
		}
	}
}

func openOutbox(hook Webhook, log *slog.Logger, now func() time.Time) (*outbox, error) {
	address := hook.URL
	if hook.URLFile != "" {
		content, err := smallFile(hook.URLFile)
		if err != nil {
			return nil, fmt.Errorf("url_file: %w", err)
		}
		address = string(content)
	}
	target, err := hook.target(address)
	if err != nil {
		return nil, err
	}
	box := &outbox{hook: hook, target: target, log: log.With("webhook_host", target.Host), now: now, pause: firstPause,
		queue: make(chan []byte, outboxSize)}
	if hook.SecretFile != "" {
		if box.secret, err = smallFile(hook.SecretFile); err != nil {
			return nil, fmt.Errorf("secret_file: %w", err)
		}
		if len(box.secret) < minSecret {
			return nil, fmt.Errorf("secret_file: %s holds %d bytes; a key has at least %d", hook.SecretFile, len(box.secret), minSecret)
		}
	}
	box.client = box.hook.client()
	return box, nil
}

// smallFile reads a file of one line.
func smallFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxSecretFile {
		return nil, fmt.Errorf("%s holds more than %d bytes", path, maxSecretFile)
	}
	return bytes.TrimSpace(content), nil
}

func (b *outbox) run(ctx context.Context) {
	defer b.client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return
		case body := <-b.queue:
			b.deliver(ctx, body)
		}
	}
}

// deliver tries until the webhook takes the notice, refuses it for good, or was tried often enough.
func (b *outbox) deliver(ctx context.Context, body []byte) {
	id, pause := newSecret(10), b.pause
	for try := 1; ; try++ {
		again, err := b.attempt(ctx, id, body)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case !again || try == deliveryTries:
			b.log.Error("notice of an access request not delivered", "tries", try, "error", err)
			return
		}
		b.log.Warn("notice of an access request not delivered yet", "tries", try, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, longestPause)
	}
}

// attempt posts the notice once, and says whether it makes sense to try again. Its error does not hold the address.
func (b *outbox) attempt(ctx context.Context, id string, body []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.target.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the webhook's address cannot be asked")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sallyport")
	request.Header.Set("X-Sallyport-Delivery", id)
	b.sign(request.Header, body)
	answer, err := b.client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return !errors.Is(err, errAddress), err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return false, nil
	}
	again = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout
	return again, fmt.Errorf("the webhook answered %d", answer.StatusCode)
}

// sign adds the time in Unix seconds, and HMAC-SHA256 in hex over that time, a dot and the body: who has the key can tell
// that the notice is from here, whole, and not an old one sent again.
func (b *outbox) sign(h http.Header, body []byte) {
	if b.secret == nil {
		return
	}
	at := strconv.FormatInt(b.now().Unix(), 10)
	mac := hmac.New(sha256.New, b.secret)
	_, _ = io.WriteString(mac, at+".")
	_, _ = mac.Write(body)
	h.Set("X-Sallyport-Timestamp", at)
	h.Set("X-Sallyport-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
}
