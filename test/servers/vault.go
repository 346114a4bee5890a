package servers

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	vaultVersion    = "1.21.0"
	vaultBuild      = "scripts/build-vault.sh"
	vaultStartLimit = 30 * time.Second
	vaultStopGrace  = 10 * time.Second
)

// VaultOptions say what kind of Vault is wanted. The zero value speaks plain HTTP.
type VaultOptions struct {
	// TLS makes the server speak HTTPS alone, with a certificate for 127.0.0.1 signed by CAFile.
	TLS bool
	// Port asks for a fixed port; zero means any free one.
	Port int
}

// Vault is a private, running, unsealed HashiCorp Vault whose state outlives Kill and Start.
type Vault struct {
	// Addr is its URL, always on loopback.
	Addr string
	// RootToken may do everything; UnsealKey is the one key share, in hex.
	RootToken string
	UnsealKey string
	// CAFile is the certificate of the authority that signed the server's, in PEM; empty without TLS.
	CAFile string
	// PluginDir holds the database plugins, LogFile the server's log.
	PluginDir string
	LogFile   string
	// Client holds the root token.
	Client *api.Client

	binary  string
	config  string
	process *Process
}

// vaultState is what a directory remembers of its Vault between runs.
type vaultState struct {
	RootToken string `json:"root_token"`
	UnsealKey string `json:"unseal_key"`
}

// StartVault starts a private Vault for one test and ends it with the test. Where its binary is not cached yet,
// it is built first, which takes minutes, once a machine.
func StartVault(t testing.TB, o VaultOptions) *Vault {
	t.Helper()
	dir := t.TempDir()
	if err := buildVault(t.Context()); err != nil {
		t.Logf("build Vault: %v", err)
		Missing(t, "Vault "+vaultVersion, vaultBuild)
	}
	v, err := RunVault(t.Context(), dir, o)
	if err != nil {
		t.Fatalf("start Vault: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of Vault's log:\n%s", tail(v.LogFile, 40))
		}
		if err := v.Stop(); err != nil {
			t.Errorf("stop Vault: %v", err)
		}
	})
	return v
}

// RunVault starts a Vault whose state lives in dir, which it makes on first use and reuses after. The context
// bounds the start alone; the server runs until Stop, Kill, or the death of this process.
func RunVault(ctx context.Context, dir string, o VaultOptions) (*Vault, error) {
	install, err := vaultDir()
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(install, "vault")
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("find Vault %s: %w (%w); get it with: %s", vaultVersion, ErrMissing, err, vaultBuild)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find directory for Vault: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "raft"), 0o700); err != nil {
		return nil, fmt.Errorf("make directory for Vault: %w", err)
	}
	v := &Vault{
		PluginDir: filepath.Join(install, "plugins"), LogFile: filepath.Join(dir, "vault.log"),
		binary: binary, config: filepath.Join(dir, "vault.hcl"),
	}
	start := func() error {
		if err := v.configure(dir, o); err != nil {
			return err
		}
		return v.Start()
	}
	if o.Port == 0 {
		err = onFreePort(start)
	} else {
		err = start()
	}
	if err != nil {
		return nil, err
	}
	if err := v.open(ctx, filepath.Join(dir, "vault.json")); err != nil {
		return nil, errors.Join(err, v.Kill())
	}
	return v, nil
}

// configure writes the server's configuration for a free or the given port, and makes the client for it.
func (v *Vault) configure(dir string, o VaultOptions) error {
	port := o.Port
	if port == 0 {
		free, err := FreePort()
		if err != nil {
			return err
		}
		port = free
	}
	cluster, err := FreePort()
	if err != nil {
		return err
	}
	scheme, security := "http", "  tls_disable = true\n"
	if o.TLS {
		ca, cert, key, err := vaultCertificate(dir)
		if err != nil {
			return err
		}
		scheme, v.CAFile = "https", ca
		security = fmt.Sprintf("  tls_cert_file = %q\n  tls_key_file = %q\n", cert, key)
	}
	v.Addr = fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
	config := fmt.Sprintf(`storage "raft" {
  path = %q
  node_id = "one"
  performance_multiplier = 1
}
listener "tcp" {
  address = "127.0.0.1:%d"
  cluster_address = "127.0.0.1:%d"
%s}
api_addr = %q
cluster_addr = "https://127.0.0.1:%d"
plugin_directory = %q
disable_mlock = true
`, filepath.Join(dir, "raft"), port, cluster, security, v.Addr, cluster, v.PluginDir)
	if err := os.WriteFile(v.config, []byte(config), 0o600); err != nil {
		return fmt.Errorf("write configuration of Vault: %w", err)
	}
	return v.connect()
}

// connect makes the client.
func (v *Vault) connect() error {
	config := api.DefaultConfig()
	config.Address = v.Addr
	config.MaxRetries = 0 // a test wants the first answer
	if v.CAFile != "" {
		if err := config.ConfigureTLS(&api.TLSConfig{CACert: v.CAFile}); err != nil {
			return fmt.Errorf("trust Vault's authority: %w", err)
		}
	}
	client, err := api.NewClient(config)
	if err != nil {
		return fmt.Errorf("make client for Vault: %w", err)
	}
	client.SetToken(v.RootToken)
	v.Client = client
	return nil
}

// Start runs the server's process again, after Kill, at the same address. It comes up sealed.
func (v *Vault) Start() error {
	process, err := Start(Command{
		Path: v.binary, Args: []string{"server", "-config=" + v.config},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(v.config)},
		Dir: filepath.Dir(v.config), LogFile: v.LogFile,
	})
	if err != nil {
		return err
	}
	if err := process.waitUntil(func() bool { return v.answers() }, vaultStartLimit); err != nil {
		return errors.Join(err, process.Kill())
	}
	v.process = process
	return nil
}

// answers says whether the server speaks, sealed or not.
func (v *Vault) answers() bool {
	_, err := v.Client.Sys().SealStatus()
	return err == nil
}

// open initialises the server on first use, unseals it, and waits until it serves.
func (v *Vault) open(ctx context.Context, file string) error {
	var state vaultState
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if state, err = v.initialise(ctx, file); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("read keys of Vault: %w", err)
	default:
		if err := json.Unmarshal(b, &state); err != nil {
			return fmt.Errorf("read keys of Vault: %w", err)
		}
	}
	v.RootToken, v.UnsealKey = state.RootToken, state.UnsealKey
	v.Client.SetToken(v.RootToken)
	return v.Unseal()
}

// initialise makes the server's one key and its root token, and keeps them in file.
func (v *Vault) initialise(ctx context.Context, file string) (vaultState, error) {
	keys, err := v.Client.Sys().InitWithContext(ctx, &api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		return vaultState{}, fmt.Errorf("initialise Vault: %w", err)
	}
	if _, err := hex.DecodeString(keys.Keys[0]); err != nil {
		return vaultState{}, fmt.Errorf("read unseal key of Vault: %w", err)
	}
	state := vaultState{RootToken: keys.RootToken, UnsealKey: keys.Keys[0]}
	b, err := json.Marshal(state)
	if err != nil {
		return vaultState{}, fmt.Errorf("write keys of Vault: %w", err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return vaultState{}, fmt.Errorf("write keys of Vault: %w", err)
	}
	return state, nil
}

// Seal closes the server: it runs, and answers that it is sealed.
func (v *Vault) Seal() error {
	if err := v.Client.Sys().Seal(); err != nil {
		return fmt.Errorf("seal Vault: %w", err)
	}
	return nil
}

// Unseal opens the server after Seal or Start, and returns when it serves.
func (v *Vault) Unseal() error {
	if _, err := v.Client.Sys().Unseal(v.UnsealKey); err != nil {
		return fmt.Errorf("unseal Vault: %w", err)
	}
	return v.process.waitUntil(func() bool {
		health, err := v.Client.Sys().Health()
		return err == nil && !health.Sealed && !health.Standby
	}, vaultStartLimit)
}

// Pause makes the server take connections and answer nothing, until Resume.
func (v *Vault) Pause() error { return v.process.Pause() }

// Resume ends Pause.
func (v *Vault) Resume() error { return v.process.Resume() }

// Kill ends the server at once. Start and Unseal bring it back.
func (v *Vault) Kill() error { return v.process.Kill() }

// Stop ends the server in order, paused or not.
func (v *Vault) Stop() error {
	return errors.Join(v.Resume(), v.process.Stop(vaultStopGrace))
}

// vaultDir is where this version of Vault is kept once it is built.
func vaultDir() (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "vault-"+vaultVersion), nil
}

// buildVault builds the server unless the cache has it. Concurrent callers, in other processes too, wait for
// one build.
func buildVault(ctx context.Context) error {
	dir, err := vaultDir()
	if err != nil {
		return err
	}
	_, server := os.Stat(filepath.Join(dir, "vault"))
	_, plugin := os.Stat(filepath.Join(dir, "plugins", mysqlPlugin)) // which came after the others
	if server == nil && plugin == nil {
		return nil
	}
	script, err := repositoryFile(vaultBuild)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "*** building Vault %s once, which takes minutes: %s\n", vaultVersion, vaultBuild)
	if out, err := exec.CommandContext(ctx, script, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w\n%s", vaultBuild, err, out)
	}
	return nil
}

// repositoryFile finds a file of this repository from the working directory, which go test sets to the package's.
func repositoryFile(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find %s above the working directory: %w", name, os.ErrNotExist)
		}
		dir = parent
	}
}
