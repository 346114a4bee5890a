//go:build !linux

package gateway

import "time"

// lived is the time since the program was started.
func lived() time.Duration { return time.Since(started) }

var started = time.Now()
