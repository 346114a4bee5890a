package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sallyport/sallyport/client"
)

// wishes are what an agent keeps for its successor: what is to be connected, by profile.
type wishes map[string]wish

type wish struct {
	All   bool            `json:"all,omitempty"`
	Named map[string]line `json:"named,omitempty"`
	// Ports are those that were taken instead of a resource's own, because another program had that. They stay, so that
	// what a person has saved goes on working.
	Ports map[string]int `json:"ports,omitempty"`
}

// line is how a resource is to be connected.
type line struct {
	Account string `json:"account,omitempty"`
}

func (w wish) empty() bool { return !w.All && len(w.Named) == 0 }

func readWishes(path string) (wishes, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return wishes{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was connected: %w", err)
	}
	all := wishes{}
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("read what was connected: %w", err)
	}
	return all, nil
}

func (w wishes) write(path string) error {
	content, err := json.MarshalIndent(w, "", "  ")
	if err == nil {
		err = client.ReplaceFile(path, append(content, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep what is connected: %w", err)
	}
	return nil
}
