//go:build tools

// Package tools pins the dex that the tests run; scripts/build-dex.sh builds it.
package tools

import _ "github.com/dexidp/dex/cmd/dex"
