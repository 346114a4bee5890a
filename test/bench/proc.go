package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc/PID/stat, USER_HZ, which is 100 a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// settleLimit is how long the processes of a connection that is over get to end.
const settleLimit = 2 * time.Second

// cpu is the CPU time that the target's proxy has used so far, in all its threads and child processes; zero for the direct way.
func (t target) cpu() (time.Duration, error) {
	if t.pid == 0 {
		return 0, nil
	}
	var sum time.Duration
	for _, pid := range processTree(t.pid) {
		used, err := cpuOf(pid)
		if err != nil && (pid == t.pid || !gone(err)) {
			return 0, fmt.Errorf("read CPU time of %s: %w", t.name, err)
		}
		sum += used
	}
	return sum, nil
}

// cpuFor is the CPU time that the target's proxy takes for some work. It is read once there are no more processes than before the work, so
// that none is counted as it ends: it would be missed, or counted in its parent as well.
func (t target) cpuFor(work func() error) (time.Duration, error) {
	processes := len(processTree(t.pid))
	before, err := t.cpu()
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(settleLimit); len(processTree(t.pid)) > processes && time.Now().Before(deadline); {
		time.Sleep(tick)
	}
	after, err := t.cpu()
	return after - before, err
}

// cpuOf is the CPU time of a process, and of its children that have ended and been waited for.
// proc(5): fields 14 to 17 of /proc/PID/stat. The second field, the name in parentheses, may hold spaces.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read process: %w", err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const first, last = 14 - 3, 17 - 3
	if len(fields) <= last {
		return 0, fmt.Errorf("short line %q", b)
	}
	var ticks int64
	for _, field := range fields[first : last+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// processTree is a process and all below it.
func processTree(pid int) []int {
	pids := []int{pid}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return pids
	}
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended meanwhile
		}
		for _, field := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, processTree(child)...)
			}
		}
	}
	return pids
}

// gone says whether an error means that a process has ended meanwhile.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// memoryKB is the resident memory of a process and all below it in KiB. A page that several processes share counts for each by its part
// (PSS). os.ErrPermission is in the error when only root may know: sshd hides its processes so.
func memoryKB(pid int) (int64, error) {
	var sum int64
	for _, p := range processTree(pid) {
		text, err := procValue(fmt.Sprintf("/proc/%d/smaps_rollup", p), "Pss")
		if p != pid && gone(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read resident memory: %w", err)
		}
		sum += kb
	}
	return sum, nil
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
