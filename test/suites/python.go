package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
)

// junit is what is read of a JUnit report.
type junit struct {
	Cases []struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		Failure *struct{} `xml:"failure"`
		Error   *struct{} `xml:"error"`
		Skipped *struct{} `xml:"skipped"`
	} `xml:"testsuite>testcase"`
}

// runPython runs pytest in a source distribution in the cache. An installed driver is tested by its own tests, so the
// sources' package itself does not lie there.
func runPython(ctx context.Context, j *job, name string, args []string) (map[string]result, error) {
	return runPythonIn(ctx, j, "venv", name, args)
}

// runPythonIn is runPython in an environment of its own.
func runPythonIn(ctx context.Context, j *job, venv, name string, args []string) (map[string]result, error) {
	dir := filepath.Join(j.cache, name)
	file := filepath.Join(j.logs, "junit.xml")
	args = append([]string{"-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", file}, args...)
	if _, err := j.command(ctx, dir, filepath.Join(j.cache, venv, "bin", "python"), args...); err != nil {
		return nil, err
	}
	return readJUnit(file)
}

// readJUnit reads a report in JUnit's form.
func readJUnit(file string) (map[string]result, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read JUnit report: %w", err)
	}
	var report junit
	if err := xml.Unmarshal(b, &report); err != nil {
		return nil, fmt.Errorf("read JUnit report: %w", err)
	}
	results := make(map[string]result)
	for _, c := range report.Cases {
		test := c.Class + "." + c.Name
		switch {
		case c.Failure != nil || c.Error != nil:
			results[test] = failed
		case results[test] == failed: // its set-up or tear-down failed, which is a case of its own
		case c.Skipped != nil:
			results[test] = skipped
		default:
			results[test] = passed
		}
	}
	return results, nil
}
