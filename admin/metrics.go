package admin

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport/sallyport/audit"
)

// Measured is what /metrics tells of the process beside what the service knows itself. What is nil is not told. The
// functions are called at each scrape and must be quick.
type Measured struct {
	// Written is the number of records in the journal.
	Written func() uint64
	// Checkpoint is the number of records that the latest signed checkpoint covers, and when it was signed; zero while
	// there is none.
	Checkpoint func() (size uint64, signed time.Time)
	// Statements counts the statements since the start.
	Statements func() uint64
}

// metricsHandler serves the Prometheus text format to readers.
func (s *Service) metricsHandler() http.Handler {
	serve := promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.admit(r, reader); err != nil {
			writeProblem(w, s.answerable(r.Context(), err))
			return
		}
		serve.ServeHTTP(w, r)
	})
}

// registerMetrics registers what the service measures, and the process itself.
func (s *Service) registerMetrics(m Measured) error {
	if s.metrics == nil {
		s.metrics = prometheus.NewRegistry()
	}
	for _, c := range append(s.gauges(m), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &indexCollector{s.searcher}, &journalsCollector{s.journals, s.now}) {
		if err := s.metrics.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) gauges(m Measured) []prometheus.Collector {
	all := []prometheus.Collector{
		counter("sallyport_journal_durable_records_total", "Records of the journal that are on disk.",
			func() float64 { return float64(s.journal.Durable()) }),
		gauge("sallyport_sessions", "Sessions that are open now.", func() float64 { return float64(len(s.sessions.Sessions())) }),
	}
	if m.Written != nil {
		all = append(all, counter("sallyport_journal_records_total", "Records in the journal.",
			func() float64 { return float64(m.Written()) }))
	}
	if m.Statements != nil {
		all = append(all, counter("sallyport_statements_total", "Statements since the start.",
			func() float64 { return float64(m.Statements()) }))
	}
	if s.prover != nil {
		all = append(all, gauge("sallyport_proof_troubled", "1 while checkpoints cannot be signed, or a witness does not get them.",
			s.proofTroubled))
	}
	if m.Checkpoint != nil {
		all = append(all, &checkpointCollector{latest: m.Checkpoint, now: s.now})
	}
	return all
}

func (s *Service) proofTroubled() float64 {
	troubled := s.prover.Trouble() != ""
	for _, w := range s.prover.Witnesses() {
		troubled = troubled || w.Trouble != ""
	}
	if troubled {
		return 1
	}
	return 0
}

func counter(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

// indexCollector tells how far the index is, in one breath.
type indexCollector struct{ index audit.Index }

func (c *indexCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

func (c *indexCollector) Collect(out chan<- prometheus.Metric) {
	p := c.index.Progress()
	tell := func(name, help string, value float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{"index"}, nil), prometheus.GaugeValue, value, p.Index)
	}
	tell("sallyport_index_records", "Records before this number can be found; 0 where the journal itself is searched.", float64(p.Records))
	tell("sallyport_index_behind_records", "Records of the journal that cannot be found yet.", float64(p.Behind))
	tell("sallyport_index_lag_seconds", "Age of the oldest record that cannot be found yet.", time.Duration(p.Lag).Seconds())
	troubled := 0.0
	if p.Trouble != "" {
		troubled = 1
	}
	tell("sallyport_index_troubled", "1 while something keeps the index from going on.", troubled)
}

// checkpointCollector tells of the latest signed checkpoint; nothing while there is none.
type checkpointCollector struct {
	latest func() (uint64, time.Time)
	now    func() time.Time
}

func (c *checkpointCollector) Describe(out chan<- *prometheus.Desc) {
	out <- checkpointSize()
	out <- checkpointAge()
}

func (c *checkpointCollector) Collect(out chan<- prometheus.Metric) {
	size, signed := c.latest()
	if signed.IsZero() {
		return
	}
	out <- prometheus.MustNewConstMetric(checkpointSize(), prometheus.GaugeValue, float64(size))
	out <- prometheus.MustNewConstMetric(checkpointAge(), prometheus.GaugeValue, c.now().Sub(signed).Seconds())
}

func checkpointSize() *prometheus.Desc {
	return prometheus.NewDesc("sallyport_checkpoint_records", "Records that the latest signed checkpoint covers.", nil, nil)
}

func checkpointAge() *prometheus.Desc {
	return prometheus.NewDesc("sallyport_checkpoint_age_seconds", "Time since the latest checkpoint was signed.", nil, nil)
}
