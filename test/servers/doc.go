// Package servers starts real servers for tests, benchmarks and the demo: each one a private instance with its
// own data directory, on a free port of the loopback interface, ready when the call returns, and ended by its
// own process handle, also when the process that started it dies.
//
// Each server has two ways in. StartX(t, options) serves tests: it registers the clean-up, prints the
// server's log when the test failed, and where the server is not installed it skips the test with one loud
// line, or fails it when CI=true. RunX(ctx, dir, options) serves everything else and returns an error.
package servers
