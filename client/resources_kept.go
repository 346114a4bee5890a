package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeepResources keeps a copy of what the server said that the person may open, for completion and for when the server
// is away. It holds no secret.
func (s *Store) KeepResources(profile string, resources []Resource) error {
	content, err := json.Marshal(resources)
	if err != nil {
		return fmt.Errorf("keep list of resources: %w", err)
	}
	path := s.resourcesPath(profile)
	if err := privateDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("keep list of resources: %w", err)
	}
	if err := ReplaceFile(path, content); err != nil {
		return fmt.Errorf("keep list of resources: %w", err)
	}
	return nil
}

// KeptResources gives the copy, or nothing when there is none.
func (s *Store) KeptResources(profile string) ([]Resource, error) {
	content, err := os.ReadFile(s.resourcesPath(profile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kept list of resources: %w", err)
	}
	var resources []Resource
	if err := json.Unmarshal(content, &resources); err != nil {
		return nil, fmt.Errorf("read kept list of resources: %w", err)
	}
	return resources, nil
}

func (s *Store) resourcesPath(profile string) string {
	return filepath.Join(s.dir, "resources", profile+".json")
}
