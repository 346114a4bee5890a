package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat, USER_HZ, which is 100 a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu is the CPU time that the target's proxy has used so far, in all its threads; zero for the direct way.
// proc(5): fields 14 and 15 of /proc/PID/stat. The second field, the name in parentheses, may hold spaces.
func (t target) cpu() (time.Duration, error) {
	if t.pid == 0 {
		return 0, nil
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time of %s: %w", t.name, err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const userTime, systemTime = 14 - 3, 15 - 3
	if len(fields) <= systemTime {
		return 0, fmt.Errorf("read CPU time of %s: short line %q", t.name, b)
	}
	var ticks int64
	for _, field := range []string{fields[userTime], fields[systemTime]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time of %s: %w", t.name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// residentKB is a process's resident memory in KiB.
func residentKB(pid int) (int64, error) {
	text, err := procValue(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	if err != nil {
		return 0, err
	}
	kb, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read resident memory: %w", err)
	}
	return kb, nil
}

// procValue finds the value of a "key: value" line.
func procValue(path, key string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("read %s: no such line in %s", key, path)
}

// describeMachine says in one line what the figures were measured on.
func describeMachine() string {
	model, err := procValue("/proc/cpuinfo", "model name")
	if err != nil {
		model = runtime.GOARCH
	}
	memory, err := procValue("/proc/meminfo", "MemTotal")
	if err != nil {
		memory = "unknown"
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	return fmt.Sprintf("%d x %s, %s of memory, Linux %s, %s", runtime.NumCPU(), model, memory,
		strings.TrimSpace(string(kernel)), runtime.Version())
}
