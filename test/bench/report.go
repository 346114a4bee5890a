package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// result is one row of bench/results.json. What a case does not measure is null.
type result struct {
	Case           string   `json:"case"`
	Clients        int      `json:"clients"`
	Target         string   `json:"target"`
	RatioDirect    *float64 `json:"ratio_direct"`
	RatioPgbouncer *float64 `json:"ratio_pgbouncer"`
	RatioHAProxy   *float64 `json:"ratio_haproxy"`
	CPU            *float64 `json:"cpu_us_per_query"`
	P50            *float64 `json:"p50_us"`
	P99            *float64 `json:"p99_us"`
	// SessionKB is there for the case idle-session alone: memory of the proxy for each session.
	SessionKB *float64 `json:"kb_per_session,omitempty"`
}

// summarize makes medians of a case's rounds. Ratios are taken within a round and then their median, so that a
// slow minute of the machine falls on both sides.
func summarize(name string, clients int, targets []target, series map[string][]sample) []result {
	var results []result
	for _, t := range targets {
		own := series[t.name]
		if len(own) == 0 {
			continue // it does not lead to what the case needs
		}
		results = append(results, result{
			Case: name, Clients: clients, Target: t.name,
			RatioDirect:    medianRatio(own, series["direct"]),
			RatioPgbouncer: medianRatio(own, series["pgbouncer"]),
			RatioHAProxy:   medianRatio(own, series["haproxy"]),
			CPU:            medianOf(own, func(s sample) float64 { return s.cpuUS }),
			P50:            medianOf(own, func(s sample) float64 { return s.p50 }),
			P99:            medianOf(own, func(s sample) float64 { return s.p99 }),
			SessionKB:      medianOf(own, func(s sample) float64 { return s.kb }),
		})
	}
	return results
}

func medianRatio(own, other []sample) *float64 {
	var ratios []float64
	for i := range min(len(own), len(other)) {
		if other[i].rate > 0 {
			ratios = append(ratios, own[i].rate/other[i].rate)
		}
	}
	return median(ratios)
}

// medianOf is the median of one value of the samples; nil when none has it.
func medianOf(samples []sample, value func(sample) float64) *float64 {
	var values []float64
	for _, s := range samples {
		if v := value(s); v != 0 {
			values = append(values, v)
		}
	}
	return median(values)
}

// median is nil for no values, and rounded to a thousandth.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	m := (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	m = math.Round(m*1000) / 1000
	return &m
}

// percentile is the nearest-rank percentile. It sorts its argument, which must not be empty.
func percentile(values []float64, percent int) float64 {
	slices.Sort(values)
	rank := (len(values)*percent + 99) / 100
	return values[max(0, rank-1)]
}

func writeResults(path string, results []result) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory for results: %w", err)
	}
	b, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// printReport writes a Markdown table that can stand in docs/performance.md as it is.
func printReport(w io.Writer, results []result, machine string, start time.Time, o options) {
	fmt.Fprintf(w, "\n%s, %s, %d rounds of %d s in %s\n\n", start.Format("2006-01-02"), machine, o.rounds, o.seconds,
		time.Since(start).Round(time.Second))
	fmt.Fprintln(w, "| case | clients | target | / direct | / pgbouncer | / haproxy | CPU us | p50 us | p99 us | KB a session |")
	fmt.Fprintln(w, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, r := range results {
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Case, r.Clients, r.Target, cell(r.RatioDirect, "%.2f"),
			cell(r.RatioPgbouncer, "%.2f"), cell(r.RatioHAProxy, "%.2f"), cell(r.CPU, "%.1f"), cell(r.P50, "%.0f"), cell(r.P99, "%.0f"), cell(r.SessionKB, "%.1f"))
	}
}

func cell(value *float64, format string) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprintf(format, *value)
}
