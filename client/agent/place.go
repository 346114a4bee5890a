package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sallyport/sallyport/client"
)

// Place is the directory in which an agent and those who look for it meet. Only the person may enter it. It lies beside
// the profiles and not in $XDG_RUNTIME_DIR, which sessions by ssh, cron and desktop do not share and which goes away
// when the person logs out, so that a second agent would come to fight over the ports.
type Place struct{ dir string }

// PlaceOf gives the place beside a store's profiles.
func PlaceOf(store *client.Store) Place { return Place{filepath.Join(store.Dir(), "agent")} }

// LogFile is the agent's log.
func (p Place) LogFile() string { return filepath.Join(p.dir, "agent.log") }

func (p Place) lockFile() string   { return filepath.Join(p.dir, "lock") }
func (p Place) wishesFile() string { return filepath.Join(p.dir, "connections.json") }
func (p Place) meetingFile() string {
	return filepath.Join(p.dir, "agent.json")
}

// meeting says where an agent listens.
type meeting struct {
	Network string `json:"network"` // unix, or tcp on Windows
	Address string `json:"address"`
	// Secret is shown with each request: what listens on loopback is within everybody's reach, and on a socket it is a
	// second lock.
	Secret string `json:"secret"`
	PID    int    `json:"pid"`
}

func (p Place) write(m meeting) error {
	content, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("say where the agent is: %w", err)
	}
	if err := client.ReplaceFile(p.meetingFile(), content); err != nil {
		return fmt.Errorf("say where the agent is: %w", err)
	}
	return nil
}

// read finds the agent. It returns an error wrapping ErrNotRunning when none has said where it is.
func (p Place) read() (meeting, error) {
	var m meeting
	content, err := os.ReadFile(p.meetingFile())
	if errors.Is(err, fs.ErrNotExist) {
		return m, ErrNotRunning
	}
	if err != nil {
		return m, fmt.Errorf("find the agent: %w", err)
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return m, fmt.Errorf("find the agent: %w", err)
	}
	return m, nil
}

// socket is where the agent listens on systems with Unix sockets, whose paths may be no longer than some 100 bytes. A
// longer one is replaced by one in the directory for temporary files, within a directory of its own.
func (p Place) socket() (string, error) {
	const longest = 100 // bytes; macOS has 104 with the closing zero
	path := filepath.Join(p.dir, "agent.sock")
	if len(path) <= longest {
		return path, nil
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(p.dir)) // never returns an error
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("sallyport-%d-%08x", os.Getuid(), hash.Sum32()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make directory for the agent's socket: %w", err)
	}
	// It may have been made by somebody else, who would then own what is in it, or be a link to elsewhere.
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || !ownedByUs(info) {
		return "", fmt.Errorf("use %s for the agent's socket: it is no directory of yours", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of the agent's socket private: %w", err)
	}
	return filepath.Join(dir, "agent.sock"), nil
}

func usesSocket() bool { return runtime.GOOS != "windows" }
