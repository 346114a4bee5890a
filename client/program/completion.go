package program

import (
	"os"
	"path/filepath"
)

// CompletionFile is where a shell looks for the completion of a command named sally; empty when it looks nowhere by
// itself.
func CompletionFile(shell string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	data, config := os.Getenv("XDG_DATA_HOME"), os.Getenv("XDG_CONFIG_HOME")
	if data == "" {
		data = filepath.Join(home, ".local", "share")
	}
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	switch shell {
	case "bash":
		return filepath.Join(data, "bash-completion", "completions", "sally")
	case "zsh":
		return filepath.Join(data, "zsh", "site-functions", "_sally")
	case "fish":
		return filepath.Join(config, "fish", "completions", "sally.fish")
	}
	return ""
}

// CompletionFiles are those of all shells.
func CompletionFiles() []string {
	return []string{CompletionFile("bash"), CompletionFile("zsh"), CompletionFile("fish")}
}
