// Package web holds the built web UI, so that one binary serves it.
package web

import (
	"embed"
	"errors"
	"io/fs"
)

// dist is what `npm run build` writes. A fresh clone has only .gitkeep there, so that the Go code builds without it.
//
//go:embed all:dist
var dist embed.FS

// unbuilt stands in for the UI where it was not built before the binary.
//
//go:embed unbuilt
var unbuilt embed.FS

// Files is the root of the UI: index.html, which answers every page's path, and assets/, whose names change with
// their content and may be cached for ever. Without a built UI, index.html says how to build it.
func Files() fs.FS {
	if _, err := fs.Stat(dist, "dist/index.html"); errors.Is(err, fs.ErrNotExist) {
		return below(unbuilt, "unbuilt")
	}
	return below(dist, "dist")
}

func below(files embed.FS, dir string) fs.FS {
	root, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only for a path that is not valid, and these are constants
	}
	return root
}
