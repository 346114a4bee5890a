package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sally.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigCheck(t *testing.T) {
	for _, c := range []struct {
		name, text string
		words      []string // of the error; none: it is valid
	}{
		{"empty", "", nil},
		{"comments alone", "# gateway: gw\n", nil},
		{"headings alone", "listen:\nlog:\n", nil},
		{"some", "listen: {web: off, tunnel: \":7443\"}\ndrain_timeout: 1m30s\nlog: {level: debug, format: json}\n", nil},
		{"unknown key", "gateway: gw\nlisten:\n  wbe: 127.0.0.1:1\n", []string{"[3:3]", `"wbe"`, ">  3 |"}},
		{"unknown key at the top", "gatewya: gw\n", []string{"[1:1]", `"gatewya"`}},
		{"wrong type", "limits:\n  handshakes: many\n", []string{"[2:", "many"}},
		{"no YAML", "gateway: [\n", []string{"[1:"}},
		{"level", "log: {level: loud}\n", []string{"loud"}},
		{"duration", "drain_timeout: 30\n", []string{"[1:"}},
		{"address", "listen: {web: localhost}\n", []string{"listen.web", "host:port"}},
		{"certificate alone", "tls: {certificate: a.pem}\n", []string{"tls", "both"}},
		{"format", "log: {format: xml}\n", []string{"log.format", "xml"}},
		{"statement size", "limits: {statement_bytes: 1000}\n", []string{"limits.statement_bytes", "65536"}},
		{"data directory", "data_dir: \"\"\n", []string{"data_dir"}},
		{"negative limit", "limits: {handshakes: -1}\n", []string{"limits.handshakes"}},
		{"negative time", "drain_timeout: -1s\n", []string{"drain_timeout"}},
		{"vault", "vault: {address: nowhere}\n", []string{"vault"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeConfig(t, c.text)
			got := runSally(t.Context(), "", "config", "check", path)
			if c.words == nil {
				if got.err != nil || got.out != path+" is valid\n" {
					t.Errorf("%+v", got)
				}
				return
			}
			if got.err == nil {
				t.Fatal("it is called valid")
			}
			for _, word := range append(c.words, path) {
				if !strings.Contains(got.err.Error(), word) {
					t.Errorf("no %q in: %v", word, got.err)
				}
			}
		})
	}
	if got := runSally(t.Context(), "", "config", "check", "/no/such/file"); got.err == nil {
		t.Error("a file that is not there is called valid")
	}
}

// documentedConfig is the YAML in the operators' handbook.
func documentedConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```yaml\n")
	block, _, closed := strings.Cut(block, "```\n")
	if !found || !closed {
		t.Fatal("docs/operations.md has no block of YAML")
	}
	return block
}

func TestDocumentedConfigurationIsTheWholeAndTrue(t *testing.T) {
	block := documentedConfig(t)
	c, err := loadConfig(writeConfig(t, block))
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(block), &keys); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, "", reflect.TypeFor[config](), keys)

	// What is shown as a default is one.
	defaults, err := defaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	// These two show what may stand there: by default the protocol's own version, and no nodes.
	c.Listen.Native.MySQLVersion, c.Listen.Native.RedisNodes = "", nil
	if !reflect.DeepEqual(c.Listen, defaults.Listen) || c.DrainTimeout != defaults.DrainTimeout || c.Log != defaults.Log || c.PlainOutside != defaults.PlainOutside {
		t.Errorf("documented %+v, defaults %+v", c, defaults)
	}
}

// checkKeys wants every key of the struct in the document. Vault's have a document of their own.
func checkKeys(t *testing.T, path string, of reflect.Type, keys map[string]any) {
	t.Helper()
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name == "-" { // not the file's
			continue
		}
		if name == "" { // its keys are those of what it is in
			checkKeys(t, path, field.Type, keys)
			continue
		}
		value, ok := keys[name]
		if !ok {
			t.Errorf("%s%s is not documented", path, name)
			continue
		}
		if inner, ok := value.(map[string]any); ok && field.Type.Kind() == reflect.Struct {
			checkKeys(t, path+name+".", field.Type, inner)
		}
	}
}

func TestFlagsWinOverTheFile(t *testing.T) {
	c := config{DataDir: "file", Listen: listenConfig{Web: "file:1", Tunnel: "file:2", Native: nativeConfig{Postgres: "file:3"}}, DrainTimeout: time.Second}
	override(&c, config{DataDir: "flag", Listen: listenConfig{Web: "flag:1", Native: nativeConfig{Postgres: off}}})
	want := config{DataDir: "flag", Listen: listenConfig{Web: "flag:1", Tunnel: "file:2", Native: nativeConfig{Postgres: off}}, DrainTimeout: time.Second}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, want %+v", c, want)
	}
}

func TestServerRefusals(t *testing.T) {
	m := newMachine(t)
	m.refuse("another process has this journal open", "", "server", "--listen-web", off, "--listen-tunnel", off, "--listen-postgres", off, "--listen-mysql", off, "--listen-redis", off, "--listen-ssh", off)
	dir := t.TempDir()
	m.refuse("listen.web", "", "server", "--data-dir", dir, "--listen-web", "nonsense")
	m.refuse("read configuration", "", "server", "--data-dir", dir, "--config", "/no/such/file")
	m.refuse("[1:1]", "", "server", "--data-dir", dir, "--config", writeConfig(t, "nonsense: 1\n"))
	m.refuse("unknown command", "", "server", "now")
	m.refuse("the entrance for SSH: listen tcp "+m.address("ssh"), "", "server", "--data-dir", dir, "--listen-web", off, "--listen-tunnel", off, "--listen-postgres", off,
		"--listen-mysql", off, "--listen-redis", off, "--listen-ssh", m.address("ssh"))
	info, err := os.Stat(m.data)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory has mode %v", info.Mode())
	}
}
