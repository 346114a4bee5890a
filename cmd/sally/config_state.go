package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/sallyport/sallyport/admin/store"
)

// stateConfig says where the control plane's state is kept: by default in SQLite, in the data directory.
type stateConfig struct {
	Postgres *store.Postgres `yaml:"postgres"`
}

func (c stateConfig) validate() error {
	if c.Postgres == nil {
		return nil
	}
	if c.Postgres.URL == "" {
		return errors.New("state.postgres.url: must not be empty")
	}
	if err := c.Postgres.Validate(); err != nil {
		return fmt.Errorf("state.postgres.%w", err)
	}
	return nil
}

// store is where the state is, for store.Open.
func (c config) store(log *slog.Logger) store.Config {
	return store.Config{File: filepath.Join(c.DataDir, stateFile), Postgres: c.State.Postgres, Log: log}
}
